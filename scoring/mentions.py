"""Find the assets that a text names: by cashtag, name, alias or ticker, on word boundaries."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import ahocorasick

from scoring.mention_candidates import Candidate, Rule, accept_by_neighbours, outside
from scoring.mention_rules import (
    Strength,
    capitalised,
    inside_sentence,
    load_words,
    name_has_cue,
    strength_of,
    ticker_has_cue,
)

# Letters of the scripts that write with spaces. Chinese and its neighbours do not, so a ticker
# may stand right beside their characters.
_LETTER = r"A-Za-z0-9_\u00c0-\u1fff\u2c00-\u2e7f"
_IS_LETTER = re.compile(f"[{_LETTER}]")
_CASHTAG = re.compile(rf"(?<![{_LETTER}$])\$([0-9]*[A-Za-z][A-Za-z0-9]*)(?:\.[Xx])?(?![{_LETTER}])")
_HASHTAG = re.compile(rf"(?<![{_LETTER}])#([A-Za-z0-9]{{3,10}})(?![{_LETTER}])")
_TICKER = re.compile(rf"(?<![{_LETTER}$@])[A-Z0-9]{{2,10}}(?![{_LETTER}])")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_DOMAIN = re.compile(r"\.(?:com|org|io|net|co|xyz|fi|finance|app|exchange|news|eth)\b", re.I)

SHORT_TICKER = 2
MAX_TRIES = 64  # context checks per symbol: bounds the time of a hostile text


@dataclass(frozen=True, slots=True)
class AssetNames:
    """One asset as texts may name it.

    Attributes:
        aliases: Other names, such as former ones.
        is_ordinary_word: The ticker is also a word ("ONE"), so upper case alone is no evidence.
    """

    symbol: str
    name: str
    aliases: tuple[str, ...] = ()
    is_ordinary_word: bool = False


@dataclass(frozen=True, slots=True)
class Mention:
    """The first place where a text names an asset; `text[start:end] == matched`."""

    symbol: str
    rule: Rule
    matched: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Name:
    symbol: str  # empty for a shield
    rule: Rule
    strength: Strength
    length: int


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
        self._tickers: dict[str, bool] = {}  # symbol -> needs more evidence than upper case
        names: dict[str, _Name] = {
            shield: _Name("", "name", Strength.SURE, len(shield)) for shield in load_words().shields
        }
        for asset in assets:
            if asset.symbol in self._tickers:
                msg = f"symbol {asset.symbol} is listed twice"
                raise ValueError(msg)
            short = len(asset.symbol) <= SHORT_TICKER
            self._tickers[asset.symbol] = asset.is_ordinary_word or short
            for position, written in enumerate((asset.name, *asset.aliases)):
                _add_name(names, asset, written, is_alias=position > 0)
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

    def _names(self, text: str) -> Iterator[tuple[int, int, _Name]]:
        """Yield the names in the text that do not overlap, leftmost first, then longest."""
        spans: list[tuple[int, int, _Name]] = []
        for last, name in self._automaton.iter(_fold(text)) if self._automaton else ():
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
        self, text: str, names: list[tuple[int, int, _Name]]
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
            elif name.strength is Strength.STRICT:
                tries[name.symbol] = tries.get(name.symbol, 0) + 1
                if not capitalised(matched) or tries[name.symbol] > MAX_TRIES:
                    continue
                accepted = name_has_cue(text, start, end) or inside_sentence(text, start, end)
            if accepted or name.strength is Strength.STRICT:
                yield Candidate(name.symbol, name.rule, start, end, accepted)

    def _tagged(self, text: str) -> Iterator[Candidate]:
        for found in _CASHTAG.finditer(text):
            symbol = found.group(1).upper()
            if symbol in self._tickers:
                yield Candidate(symbol, "cashtag", found.start(), found.end(), accepted=True)
        for found in _HASHTAG.finditer(text):
            symbol = found.group(1).upper()
            if self._tickers.get(symbol) is False and not found.group(1).isupper():
                start, end = found.span(1)
                yield Candidate(symbol, "ticker", start, end, accepted=True)

    def _ticker_candidates(
        self, text: str, names: list[tuple[int, int, _Name]]
    ) -> Iterator[Candidate]:
        tries: dict[str, int] = {}
        hidden = iter(span for span in names if not _is_shouted(text, span))
        cover = next(hidden, None)
        for found in _TICKER.finditer(text):
            symbol, (start, end) = found.group(), found.span()
            if symbol not in self._tickers:
                continue
            while cover is not None and cover[1] <= start:
                cover = next(hidden, None)
            if cover is not None and cover[0] <= start:
                continue
            accepted = True
            if self._tickers[symbol]:
                tries[symbol] = tries.get(symbol, 0) + 1
                if tries[symbol] > MAX_TRIES:
                    continue
                accepted = ticker_has_cue(text, start, end)
            yield Candidate(symbol, "ticker", start, end, accepted)


def _add_name(names: dict[str, _Name], asset: AssetNames, written: str, *, is_alias: bool) -> None:
    key = _fold(written.strip())
    if not key:
        msg = f"asset {asset.symbol} has an empty name or alias"
        raise ValueError(msg)
    known = names.get(key)
    if known is not None and known.symbol not in ("", asset.symbol):
        msg = f"'{written}' names both {known.symbol} and {asset.symbol}; keep it at one of them"
        raise ValueError(msg)
    if known is None or not known.symbol:
        strength = strength_of(
            written.strip(),
            asset.symbol,
            is_alias=is_alias,
            ordinary_ticker=asset.is_ordinary_word,
        )
        names[key] = _Name(asset.symbol, "alias" if is_alias else "name", strength, len(key))


def _is_shouted(text: str, span: tuple[int, int, _Name]) -> bool:
    """Say whether a strict name is in capitals, where it is judged as a ticker."""
    return span[2].strength is Strength.STRICT and text[span[0] : span[1]].isupper()


def _fold(text: str) -> str:
    """Lower the case without changing any offset: one character alone would become two."""
    return text.replace("\u0130", "i").lower()
