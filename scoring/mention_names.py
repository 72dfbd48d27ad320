"""The words to look for: names, aliases and tickers of the assets, each with its strength."""

from collections.abc import Iterable
from dataclasses import dataclass

from scoring.mention_candidates import Rule
from scoring.mention_rules import Strength, load_words, strength_of

SHORT_TICKER = 2


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

    @property
    def is_doubtful(self) -> bool:
        """Upper case alone does not make its ticker a mention."""
        return self.is_ordinary_word or len(self.symbol) <= SHORT_TICKER


@dataclass(frozen=True, slots=True)
class Name:
    """What the automaton knows of one word or phrase; a shield has no symbol."""

    symbol: str
    rule: Rule
    strength: Strength
    length: int


def name_table(assets: Iterable[AssetNames]) -> dict[str, Name]:
    """Return every folded word and phrase to look for: shields, names, aliases, tickers.

    Raises:
        ValueError: Two assets share a symbol or a name, or an asset has no name.
    """
    known = tuple(assets)
    table = {
        shield: Name("", "name", Strength.SURE, len(shield)) for shield in load_words().shields
    }
    symbols: set[str] = set()
    for asset in known:
        if asset.symbol in symbols:
            msg = f"symbol {asset.symbol} is listed twice"
            raise ValueError(msg)
        symbols.add(asset.symbol)
        for position, written in enumerate((asset.name, *asset.aliases)):
            _add_name(table, asset, written.strip(), is_alias=position > 0)
    for asset in known:
        key = fold(asset.symbol)
        if not asset.is_doubtful and key not in table:
            sure = key in load_words().lower_tickers
            strength = Strength.LOWER if sure else Strength.CUED
            table[key] = Name(asset.symbol, "ticker", strength, len(key))
    return table


def fold(text: str) -> str:
    """Lower the case without changing any offset: one character alone would become two."""
    return text.replace("\u0130", "i").lower()


def _add_name(table: dict[str, Name], asset: AssetNames, written: str, *, is_alias: bool) -> None:
    key = fold(written)
    if not key:
        msg = f"asset {asset.symbol} has an empty name or alias"
        raise ValueError(msg)
    known = table.get(key)
    if known is not None and known.symbol not in ("", asset.symbol):
        msg = f"'{written}' names both {known.symbol} and {asset.symbol}; keep it at one of them"
        raise ValueError(msg)
    if known is None or not known.symbol:
        strength = strength_of(
            written, asset.symbol, is_alias=is_alias, ordinary_ticker=asset.is_ordinary_word
        )
        table[key] = Name(asset.symbol, "alias" if is_alias else "name", strength, len(key))
