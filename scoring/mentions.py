"""Find the assets that a text names: by cashtag, name, alias or ticker, on word boundaries."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import ahocorasick

from scoring.mention_candidates import Candidate, Rule, accept_by_neighbours, outside
from scoring.mention_names import AssetNames, Name, fold, name_table
from scoring.mention_rules import (
    Strength,
    capitalised,
    inside_sentence,
    lower_has_cue,
    name_has_cue,
    ticker_has_cue,
)

__all__ = ["AssetNames", "Mention", "MentionFinder"]

# Letters of the scripts that write with spaces. Chinese and its neighbours do not, so a ticker
# may stand right beside their characters.
_LETTER = r"A-Za-z0-9_\u00c0-\u1fff\u2c00-\u2e7f"
_IS_LETTER = re.compile(f"[{_LETTER}]")
_CASHTAG = re.compile(rf"(?<![{_LETTER}$])\$([0-9]*[A-Za-z][A-Za-z0-9]*)(?:\.[Xx])?(?![{_LETTER}])")
_HASHTAG = re.compile(rf"(?<![{_LETTER}])#([A-Za-z0-9]{{3,10}})(?![{_LETTER}])")
_TICKER = re.compile(rf"(?<![{_LETTER}$@])[A-Z0-9]{{2,14}}(?![{_LETTER}])")
_GLUED = re.compile(r"([A-Z0-9]{2,10}?)(USDT|USDC|USD|PERP|BTC|ETH)")  # "SOLUSDT", "ETHBTC"
_URL = re.compile(r"(?:https?://|www\.)\S+")
_DOMAIN = re.compile(r"\.(?:com|org|io|net|co|xyz|fi|finance|app|exchange|news|eth)\b", re.I)

_PART_OF_ADDRESS = ("$", ".")  # "US$btc", "name.eth"
MAX_TRIES = 64  # context checks per symbol: bounds the time of a hostile text


@dataclass(frozen=True, slots=True)
class Mention:
    """The first place where a text names an asset; `text[start:end] == matched`."""

    symbol: str
    rule: Rule
    matched: str
    start: int
    end: int


class MentionFinder:
    """Finds mentions of a fixed set of assets; build it once, use it for many texts.

    The longest name wins, so "Bitcoin Cash" is not also Bitcoin. URLs, e-mail addresses and
    @handles are not searched.
    """

    def __init__(self, assets: Iterable[AssetNames]) -> None:
        """Build the automaton.

        Raises:
            ValueError: Two assets share a symbol or a name, or an asset has no name.
        """
        known = tuple(assets)
        names = name_table(known)
        # symbol -> needs more evidence than upper case
        self._tickers = {asset.symbol: asset.is_doubtful for asset in known}
        self._automaton = ahocorasick.Automaton()
        for key, name in names.items():
            self._automaton.add_word(key, name)
        self._automaton.make_automaton()

    def find(self, text: str) -> list[Mention]:
        """Return the first mention of each asset, in the order of the text.

        Offsets count characters of the text as given.
        """
        urls = [found.span() for found in _URL.finditer(text)]
        names = list(self._names(text))
        found = [*self._name_candidates(text, names), *self._tagged(text)]
        found += self._ticker_candidates(text, names)
        if urls:
            found = outside(found, urls)
        found.sort(key=lambda item: (item.start, -item.end, not item.accepted))
        accept_by_neighbours(text, found)
        first: dict[str, Mention] = {}
        for item in found:
            if item.accepted and item.symbol not in first:
                matched = text[item.start : item.end]
                first[item.symbol] = Mention(item.symbol, item.rule, matched, item.start, item.end)
        return list(first.values())

    def _names(self, text: str) -> Iterator[tuple[int, int, Name]]:
        """Yield the names in the text that do not overlap, leftmost first, then longest."""
        spans: list[tuple[int, int, Name]] = []
        for last, name in self._automaton.iter(fold(text)) if self._automaton else ():
            start, end = last + 1 - name.length, last + 1
            if start and _IS_LETTER.match(text[start - 1]):
                continue
            if name.strength is Strength.SURE and text[end : end + 1] in ("s", "S"):
                end += 1  # "Bitcoins"
            if end < len(text) and _IS_LETTER.match(text[end]):
                continue
            if text[start - 1 : start] == "@" or _DOMAIN.match(text, end):
                continue
            spans.append((start, end, name))
        spans.sort(key=lambda span: (span[0], -span[1]))
        covered = 0
        for span in spans:
            if span[0] >= covered:
                covered = span[1]
                yield span

    def _name_candidates(
        self, text: str, names: list[tuple[int, int, Name]]
    ) -> Iterator[Candidate]:
        tries: dict[str, int] = {}
        for start, end, name in names:
            matched = text[start:end]
            accepted = name.strength is Strength.SURE
            if not name.symbol:
                continue
            if name.strength is Strength.CAPITAL:
                accepted = matched[:1].isupper() and text[end : end + 1] != "-"
            elif name.strength is Strength.UPPER:
                accepted = matched.isupper()
            elif name.rule == "ticker":
                if matched.isupper() or text[max(0, start - 1) : start] in _PART_OF_ADDRESS:
                    continue  # upper case is judged below
                accepted = name.strength is Strength.LOWER
                if not accepted and _may_try(tries, name.symbol):
                    accepted = lower_has_cue(text, start, end)
                # After a slash it is the end of a path, unless its neighbour makes it a pair.
                accepted = accepted and text[max(0, start - 1) : start] != "/"
            elif name.strength is Strength.STRICT:
                if not capitalised(matched) or not _may_try(tries, name.symbol):
                    continue
                accepted = name_has_cue(text, start, end) or inside_sentence(text, start, end)
            if accepted or name.strength is Strength.STRICT or name.rule == "ticker":
                yield Candidate(name.symbol, name.rule, start, end, accepted)

    def _tagged(self, text: str) -> Iterator[Candidate]:
        for found in _CASHTAG.finditer(text):
            symbol = found.group(1).upper()
            for part, _, end in self._parts(symbol, found.start(1)):
                last = found.end() if part == symbol else end
                yield Candidate(part, "cashtag", found.start(), last, accepted=True)
                break  # of "$BTCUSD", the tagged half
        for found in _HASHTAG.finditer(text):
            symbol = found.group(1).upper()
            if self._tickers.get(symbol) is False and not found.group(1).isupper():
                start, end = found.span(1)
                yield Candidate(symbol, "ticker", start, end, accepted=True)

    def _ticker_candidates(
        self, text: str, names: list[tuple[int, int, Name]]
    ) -> Iterator[Candidate]:
        tries: dict[str, int] = {}
        hidden = iter(span for span in names if not _is_judged_as_ticker(text, span))
        cover = next(hidden, None)
        for found in _TICKER.finditer(text):
            for symbol, start, end in self._parts(found.group(), found.start()):
                while cover is not None and cover[1] <= start:
                    cover = next(hidden, None)
                if cover is not None and cover[0] <= start:
                    continue
                accepted = True
                if self._tickers[symbol] and (start, end) == found.span():
                    if not _may_try(tries, symbol):
                        continue
                    accepted = ticker_has_cue(text, start, end)
                yield Candidate(symbol, "ticker", start, end, accepted)

    def _parts(self, word: str, start: int) -> list[tuple[str, int, int]]:
        """Return the tickers in a word of capitals: itself, or the two of a pair ("ETHBTC")."""
        if word in self._tickers:
            return [(word, start, start + len(word))]
        pair = _GLUED.fullmatch(word)
        if pair is None or pair.group(1) not in self._tickers:
            return []
        base, quote = pair.groups()
        if self._tickers[base] and quote in self._tickers:
            return []  # not "OPETH": only a quote in dollars settles a doubtful base
        middle = start + len(base)
        parts = [(base, start, middle)]
        if quote in self._tickers:
            parts.append((quote, middle, start + len(word)))
        return parts


def _may_try(tries: dict[str, int], symbol: str) -> bool:
    tries[symbol] = tries.get(symbol, 0) + 1
    return tries[symbol] <= MAX_TRIES


def _is_judged_as_ticker(text: str, span: tuple[int, int, Name]) -> bool:
    """Say whether a strict name or a ticker is in capitals, where it is judged as a ticker."""
    judged = span[2].strength is Strength.STRICT or span[2].rule == "ticker"
    return judged and text[span[0] : span[1]].isupper()
