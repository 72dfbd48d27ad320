"""How much evidence a name or ticker needs before it counts as a mention.

Names have one of three strengths:

* sure: counts in any case ("bitcoin", "Solana's").
* capital: also a word, so it needs an upper-case initial ("Avalanche", not "an avalanche").
* strict: starts many an ordinary sentence ("Near", "Optimism", "The Graph"). It needs a capital
  initial and one of: a crypto cue beside it ("Optimism network"), a possessive ("Optimism's"), its
  own ticker beside it ("Compound (COMP)"), a place in a list with another asset ("Solana and
  Near"), or a place inside a sentence whose other words are mostly lower case ("a bridge from
  Optimism to ..."). The first word of a sentence and words of a Title Case Headline are no
  evidence. In capitals it is judged as a ticker.

Tickers count in upper case. Those that are ordinary words, or have two letters, need one of: a
cashtag, brackets "(OP)", a pair "OP/USDT" or "OPUSDT", a cue, amount or price move beside them
that is not itself in capitals, their own name beside them, or a place in a list with another
asset; two doubtful ones settle each other in a list outside a line of capitals.

In lower case, tickers that are words in no common language count ("btc"); those that are ordinary
words do not; the others need a cue, an amount or a list ("ada holders", "2 sol").
"""

import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path

WORDS = Path(__file__).with_name("mentions.toml")
WINDOW = 160  # characters looked at on either side to judge the case of a sentence

_AFTER = re.compile(r"[ \u00a0]([A-Za-z]+)")
_BEFORE = re.compile(r"([A-Za-z]+)[ \u00a0]#?$")
_POSSESSIVE = re.compile(r"['\u2019]s\b")
_COMPOUND = re.compile(r"-(?:based|native|powered|backed)\b", re.IGNORECASE)
_PAIR_AFTER = re.compile(r"[-/](?:USDT?|USDC|BUSD|EUR|BTC|ETH|PERP)(?![A-Za-z0-9])")
_PAIR_BEFORE = re.compile(r"(?<![A-Za-z0-9])(?:BTC|ETH|USDT)/$")
_SENTENCE_END = re.compile(r"[.!?:;\n\u2026\u201c\"][\s\u201c\"')\]]+|\n")
_WORD = re.compile(r"[A-Za-z]+")
_LIST_GAP = re.compile(
    r"\s*(?:[,/&+|]|,?\s(?:and|or|vs\.?|versus|flips|outpaces|outperforms|outruns|overtakes)\s)"
    r"\s*[#$]?|\s+#"
)
_AMOUNT = re.compile(r"(?:^|[\s(~\u2248])(?!(?:19|20)\d\d[ \u00a0])\d[\d,.]*[kKmM]?[ \u00a0]$")
_OWN_GAP = re.compile(r"(?:['\u2019]s)?\s?[(\[]?\$?")
_UPPER_CUES = frozenset({"DAO"})


class Strength(Enum):
    """How sure a name is by itself."""

    SURE = "sure"
    CAPITAL = "capital"
    UPPER = "upper"
    STRICT = "strict"
    LOWER = "lower"  # a ticker that counts in lower case
    CUED = "cued"  # a ticker that counts in lower case beside a cue


@dataclass(frozen=True, slots=True)
class Words:
    """The word lists of `mentions.toml`."""

    strict_names: frozenset[str]
    capital_names: frozenset[str]
    shields: frozenset[str]
    cues_after: frozenset[str]
    cues_before: frozenset[str]
    moves_after: frozenset[str]
    lower_tickers: frozenset[str]
    lower_cues: frozenset[str]


@lru_cache(maxsize=1)
def load_words() -> Words:
    """Read the word lists that ship with the project."""
    lists = tomllib.loads(WORDS.read_text(encoding="utf-8"))
    return Words(**{name: frozenset(words) for name, words in lists.items()})


def strength_of(name: str, symbol: str, *, is_alias: bool, ordinary_ticker: bool) -> Strength:
    """Say how sure a name is: by the word lists, or because it equals an ordinary ticker."""
    words = load_words()
    lowered = name.lower()
    if lowered in words.strict_names:
        return Strength.STRICT
    if lowered in words.capital_names or (ordinary_ticker and lowered == symbol.lower()):
        return Strength.CAPITAL
    if is_alias and name.isupper() and len(name) <= 4:
        return Strength.UPPER  # another ticker of the asset, such as XBT
    return Strength.SURE


def capitalised(matched: str) -> bool:
    """Say whether a match has the form "Near" or "The Graph", and is not all in capitals."""
    return matched[:1].isupper() and not matched.isupper()


def name_has_cue(text: str, start: int, end: int) -> bool:
    """Say whether a strict name stands beside a crypto cue."""
    words = load_words()
    after, before = _word_after(text, end), _word_before(text, start)
    return (
        after.lower() in words.cues_after
        or before.lower() in words.cues_before
        or _COMPOUND.match(text, end) is not None
        or _POSSESSIVE.match(text, end) is not None
    )


def ticker_has_cue(text: str, start: int, end: int) -> bool:
    """Say whether an ordinary word in upper case is used as a ticker."""
    words = load_words()
    if text[start - 1 : start] in ("(", "[") and text[end : end + 1] in (")", "]"):
        return True
    if _PAIR_AFTER.match(text, end) or _PAIR_BEFORE.search(text[max(0, start - 8) : start]):
        return True
    after, before = _word_after(text, end), _word_before(text, start)
    # In a line of capitals, upper case says nothing: the cue must not be in capitals too.
    calm = not after.isupper() or after in _UPPER_CUES
    if calm and (after.lower() in words.cues_after | words.moves_after or _is_amount(text, start)):
        return True
    return not before.isupper() and before.lower() in words.cues_before


def lower_has_cue(text: str, start: int, end: int) -> bool:
    """Say whether a ticker in lower case, which may be a word, is used as a ticker."""
    words = load_words()
    after, before = _word_after(text, end), _word_before(text, start)
    return (
        after.lower() in words.lower_cues | words.moves_after
        or before.lower() in words.cues_before
        or _is_amount(text, start)
    )


def in_calm(text: str, start: int, end: int) -> bool:
    """Say whether the words around a span are not in capitals."""
    around = (_word_before(text, start), _word_after(text, end))
    return not any(word.isupper() and len(word) > 1 for word in around)


def inside_sentence(text: str, start: int, end: int) -> bool:
    """Say whether a capital here is evidence: mid-sentence, among mostly lower-case words.

    The first word of a sentence has a capital anyway; "Sandbox" in "The Sandbox" has not.
    """
    if text[end : end + 1] == "-":
        return False
    before = _WORD.findall(_tail_of_sentence(text, start))
    if not before and not (" " in text[start:end] and text[start:end].istitle()):
        return False
    if before and text[start : start + 4] == "The ":
        return True  # articles are not capitalised inside a sentence or a headline
    rest = text[end : end + WINDOW]
    stop = _SENTENCE_END.search(rest)
    after = _WORD.findall(rest[: stop.start()] if stop else rest)
    others = [word for word in before[1:] + after if len(word) >= 4]
    lower = sum(1 for word in others if word[0].islower())
    return lower >= 2 and lower > len(others) - lower


def in_list(text: str, left_end: int, right_start: int) -> bool:
    """Say whether only a list separator, or the space of a row of hashtags, parts two matches."""
    return right_start - left_end <= 14 and bool(_LIST_GAP.fullmatch(text[left_end:right_start]))


def beside_own(text: str, left_end: int, right_start: int) -> bool:
    """Say whether a name and its ticker stand together: "Compound (COMP)", "Optimism's OP"."""
    return right_start - left_end <= 5 and bool(_OWN_GAP.fullmatch(text[left_end:right_start]))


def _is_amount(text: str, start: int) -> bool:
    """Say whether a number stands before, other than a year."""
    return _AMOUNT.search(text[max(0, start - 16) : start]) is not None


def _word_after(text: str, end: int) -> str:
    found = _AFTER.match(text, end)
    return found.group(1) if found else ""


def _word_before(text: str, start: int) -> str:
    found = _BEFORE.search(text[max(0, start - 24) : start])
    return found.group(1) if found else ""


def _tail_of_sentence(text: str, start: int) -> str:
    window = text[max(0, start - WINDOW) : start]
    last = 0
    for stop in _SENTENCE_END.finditer(window):
        last = stop.end()
    return window[last:]
