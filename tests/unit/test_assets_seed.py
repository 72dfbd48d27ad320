"""The asset list: the one place where a symbol meets its names and provider ids."""

import csv
import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
COLUMNS = [
    "symbol",
    "name",
    "aliases",
    "coinbase_id",
    "coingecko_id",
    "coinmetrics_id",
    "stocktwits_id",
    "binance_id",
    "kraken_id",
    "is_ordinary_word",
    "first_trade_date",
    "last_trade_date",
]
FIRST_BLOCK = date(2009, 1, 3)


def read_rows() -> list[dict[str, str]]:
    """Read the seed as text, with nothing converted."""
    with SEED.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


ROWS = read_rows()
BY_SYMBOL = {row["symbol"]: row for row in ROWS}


def aliases_of(row: dict[str, str]) -> list[str]:
    """The aliases of one asset; an empty cell has none."""
    return [alias for alias in row["aliases"].split("|") if alias]


def filled(column: str) -> list[str]:
    """The cells of a column that are not empty."""
    return [row[column] for row in ROWS if row[column]]


def words(text: str) -> set[str]:
    """A whitespace-separated list as a set."""
    return set(text.split())


def test_header_is_the_contract() -> None:
    with SEED.open(newline="", encoding="utf-8") as handle:
        assert next(csv.reader(handle)) == COLUMNS


def test_there_are_exactly_124_complete_rows() -> None:
    assert len(ROWS) == 124
    # DictReader files surplus cells under None and missing ones as None
    assert all(None not in row and None not in row.values() for row in ROWS)


def test_rows_are_sorted_by_symbol() -> None:
    symbols = [row["symbol"] for row in ROWS]
    assert symbols == sorted(symbols)


def test_cells_carry_no_stray_white_space() -> None:
    bad = [cell for row in ROWS for cell in row.values() if cell != " ".join(cell.split())]
    assert bad == []


@pytest.mark.parametrize(
    "column",
    [
        *("symbol", "name", "coinbase_id", "coingecko_id", "coinmetrics_id", "stocktwits_id"),
        *("binance_id", "kraken_id"),
    ],
)
def test_identifiers_are_unique_in_any_case(column: str) -> None:
    counts = Counter(value.casefold() for value in filled(column))
    assert [value for value, count in counts.items() if count > 1] == []


@pytest.mark.parametrize(
    ("column", "pattern", "may_be_empty"),
    [
        ("symbol", r"[A-Z0-9]{1,20}", False),
        ("name", r"[A-Za-z0-9][A-Za-z0-9 .]*", False),
        ("coinbase_id", r"[A-Z0-9]+-USD", True),
        ("coingecko_id", r"[a-z0-9]+(-[a-z0-9]+)*", False),
        ("coinmetrics_id", r"[a-z0-9]+(_[a-z0-9]+)*", True),
        ("binance_id", r"[A-Z0-9]+USDT", True),
        ("kraken_id", r"[A-Z0-9]+USD", True),
        ("is_ordinary_word", r"true|false", False),
        ("first_trade_date", r"\d{4}-\d{2}-\d{2}", True),
        ("last_trade_date", r"\d{4}-\d{2}-\d{2}", True),
    ],
)
def test_cells_have_their_format(column: str, pattern: str, may_be_empty: bool) -> None:
    cells = filled(column) if may_be_empty else [row[column] for row in ROWS]
    assert [cell for cell in cells if not re.fullmatch(pattern, cell)] == []


def test_stocktwits_id_is_the_symbol_with_the_crypto_suffix() -> None:
    assert [row["symbol"] for row in ROWS if row["stocktwits_id"] != f"{row['symbol']}.X"] == []


def test_coinbase_id_is_the_symbol_but_for_two_known_products() -> None:
    other = {
        row["symbol"]: row["coinbase_id"]
        for row in ROWS
        if row["coinbase_id"] and row["coinbase_id"] != f"{row['symbol']}-USD"
    }
    assert other == {"CELO": "CGLD-USD", "JUP": "JUPITER-USD"}


def test_coinmetrics_id_is_the_lower_case_symbol_but_for_known_renames() -> None:
    other = {
        row["symbol"]: row["coinmetrics_id"]
        for row in ROWS
        if row["coinmetrics_id"] and row["coinmetrics_id"] != row["symbol"].lower()
    }
    assert other == {"IOTA": "miota", "ONE": "one_harmony"}


def test_binance_id_is_the_symbol_against_tether_but_for_two_never_listed() -> None:
    other = {row["symbol"]: row["binance_id"] for row in ROWS if row["binance_id"] == ""}
    assert other == {"DPI": "", "OHM": ""}
    assert all(row["binance_id"] in ("", f"{row['symbol']}USDT") for row in ROWS)


def test_kraken_id_is_the_symbol_against_the_dollar_but_for_its_own_tickers() -> None:
    other = {
        row["symbol"]: row["kraken_id"]
        for row in ROWS
        if row["kraken_id"] and row["kraken_id"] != f"{row['symbol']}USD"
    }
    assert other == {"BTC": "XBTUSD", "DOGE": "XDGUSD", "XNO": "NANOUSD"}
    assert len(filled("kraken_id")) == 91
    # only the newest bars can be had there, so an asset that has ended has none
    assert not [row for row in ROWS if row["kraken_id"] and row["last_trade_date"]]


def test_a_name_or_alias_means_one_asset_only() -> None:
    owners: dict[str, set[str]] = {}
    for row in ROWS:
        for form in [row["name"], *aliases_of(row)]:
            owners.setdefault(form.casefold(), set()).add(row["symbol"])
    assert {form: who for form, who in owners.items() if len(who) > 1} == {}


def test_no_asset_lists_a_form_twice() -> None:
    for row in ROWS:
        forms = [form.casefold() for form in [row["name"], *aliases_of(row)]]
        assert len(forms) == len(set(forms)), row["symbol"]


def test_aliases_are_well_formed() -> None:
    for row in ROWS:
        assert "||" not in row["aliases"], row["symbol"]
        assert row["aliases"] == row["aliases"].strip("|"), row["symbol"]
        for alias in aliases_of(row):
            assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 .\-]*", alias), alias


def test_no_alias_is_a_bare_ticker() -> None:
    tickers = set(BY_SYMBOL) | words("RNDR MIOTA NANO CGLD HAV LEND AGI MATICX BCC XBT VEN ERD")
    assert [a for row in ROWS for a in aliases_of(row) if a.upper() in tickers] == []


def test_no_alias_is_an_ordinary_english_word() -> None:
    # `ripple` is not here on purpose: headlines use it for XRP far more often than as a noun
    ordinary = words(
        "amp band bat blur brave civic compound curve flow gala gas graph harmony icon jupiter "
        "link lumens maker metal near neo one optimism quant render ren rose sand sandbox sky "
        "stacks stella waves yearn"
    )
    assert [a for row in ROWS for a in aliases_of(row) if a.casefold() in ordinary] == []


@pytest.mark.parametrize(
    "symbol",
    sorted(
        words(
            "ALPHA AMP ANT APE APT ATOM BADGER BAND BAT BLUR COMP CVC DASH DOT DPI ETC FLOW GALA "
            "GAS GMT LINK MANA NEAR NEO NMR OCEAN OHM ONE OP PERP POL RAY REN RENDER REP ROSE RUNE "
            "SAND SC STX SUSHI THETA VET WAVES WIF ZEN"
        )
    ),
)
def test_ambiguous_tickers_are_flagged(symbol: str) -> None:
    assert BY_SYMBOL[symbol]["is_ordinary_word"] == "true"


@pytest.mark.parametrize(
    "symbol",
    sorted(
        words(
            "AAVE ADA ALGO ARB AVAX BCH BNB BTC CRV DOGE EGLD ETH FIL HBAR ICP INJ JUP LDO LTC "
            "MATIC MKR SEI SHIB SKL SNX SOL STORJ SUI TRX UNI USDC XLM XMR XRP XTZ YFI ZEC ZRX"
        )
    ),
)
def test_distinct_tickers_are_not_flagged(symbol: str) -> None:
    assert BY_SYMBOL[symbol]["is_ordinary_word"] == "false"


def test_trading_dates_parse_and_are_ordered() -> None:
    for row in ROWS:
        first = date.fromisoformat(row["first_trade_date"] or FIRST_BLOCK.isoformat())
        last = date.fromisoformat(row["last_trade_date"] or date.max.isoformat())
        assert FIRST_BLOCK <= first < last, row["symbol"]


def test_assets_replaced_by_a_successor_have_an_end() -> None:
    ended = {row["symbol"] for row in ROWS if row["last_trade_date"]}
    assert ended == {"AGIX", "EOS", "FTM", "MATIC"}


def test_the_core_assets_are_listed() -> None:
    core = words(
        "BTC ETH BNB XRP ADA LTC LINK DOGE SOL XLM TRX DOT AVAX BCH ETC UNI AAVE ATOM NEAR OP ARB "
        "APT FIL ICP SHIB POL SUI PEPE BONK WIF TIA SEI INJ RENDER JUP STX PYTH"
    )
    assert core - set(BY_SYMBOL) == set()


def test_wrong_tickers_of_old_lists_are_absent() -> None:
    assert set(BY_SYMBOL) & words("SKALE SIA NANO RNDR MIOTA CGLD TERRA") == set()


def test_wrong_coingecko_ids_of_old_lists_are_absent() -> None:
    wrong = words(
        "polygon synthetix avalanche horizen iost quant compound curve kyber-network "
        "axelar-bridged-usdc-cosmos ken 1art h binance-peg-eos biaoqing-tron "
        "near-protocol elrond multiversx hedera theta binance-coin stacks"
    )
    assert wrong & set(filled("coingecko_id")) == set()


@pytest.mark.parametrize(
    ("symbol", "coingecko_id"),
    [
        ("ATOM", "cosmos"),
        ("AVAX", "avalanche-2"),
        ("BNB", "binancecoin"),
        ("COMP", "compound-governance-token"),
        ("CRV", "curve-dao-token"),
        ("EGLD", "elrond-erd-2"),
        ("EOS", "eos"),
        ("GRT", "the-graph"),
        ("HBAR", "hedera-hashgraph"),
        ("IOST", "iostoken"),
        ("KNC", "kyber-network-crystal"),
        ("MATIC", "matic-network"),
        ("NEAR", "near"),
        ("POL", "polygon-ecosystem-token"),
        ("QNT", "quant-network"),
        ("SC", "siacoin"),
        ("SHIB", "shiba-inu"),
        ("SKL", "skale"),
        ("SNX", "havven"),
        ("STX", "blockstack"),
        ("TRX", "tron"),
        ("XNO", "nano"),
        ("ZEN", "zencash"),
    ],
)
def test_coingecko_ids_that_are_easily_mistaken(symbol: str, coingecko_id: str) -> None:
    assert BY_SYMBOL[symbol]["coingecko_id"] == coingecko_id


@pytest.mark.parametrize("symbol", ["TRX", "XMR", "NEO", "USDC", "RUNE", "THETA"])
def test_assets_without_a_dollar_market_on_coinbase_have_no_product(symbol: str) -> None:
    assert BY_SYMBOL[symbol]["coinbase_id"] == ""
