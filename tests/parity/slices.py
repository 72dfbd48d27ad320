# ruff: noqa: E501 - the statements read better whole
"""Raw data that reaches a warehouse in slices: late bars, corrected bars, restated days, edited articles."""

from __future__ import annotations

import duckdb

SLICES = ("2024-02-01", "2024-02-20", "2024-03-05", "2024-03-20")
FIRST_HOUR = "2023-12-20"
SYMBOLS = ("BTC", "ETH", "SOL")
VADER = "'vader' as model_id, '3.3.2' as model_revision"
CRYPTOBERT = "'ElKulako/cryptobert' as model_id, '9e37c910fe87727cb842a9ac55c6388256fe0f15' as model_revision"

TABLES = {
    "price_bars": "provider varchar, symbol varchar, interval_minutes bigint, bar_open_at timestamptz, "
    "open double, high double, low double, close double, volume_base double, volume_quote double, "
    "trade_count bigint, quote_currency varchar, available_at timestamptz",
    "asset_snapshots": "provider varchar, symbol varchar, captured_at timestamptz, "
    "circulating_supply double, total_supply double, max_supply double, market_cap_usd double, "
    "price_usd double, last_updated_at timestamptz, available_at timestamptz, raw json",
    "onchain_metrics": "provider varchar, symbol varchar, metric varchar, day date, value double, "
    "available_at timestamptz",
    "macro_observations": "provider varchar, series_id varchar, observation_date date, "
    "vintage_date date, value double, is_vintage boolean, available_at timestamptz",
    "articles": "feed varchar, guid varchar, text_version varchar, category varchar, url varchar, "
    "canonical_url varchar, title varchar, summary varchar, text varchar, author varchar, "
    "published_at timestamptz, first_seen_at timestamptz, available_at timestamptz, "
    "is_backfilled boolean, raw json",
    "social_posts": "platform varchar, post_id varchar, author_id varchar, is_verified boolean, "
    "posted_at timestamptz, text varchar, text_id varchar, user_sentiment varchar, "
    "available_at timestamptz, is_backfilled boolean, raw json",
    "social_engagement": "platform varchar, post_id varchar, captured_at timestamptz, likes bigint, "
    "reposts bigint, replies bigint, available_at timestamptz",
    "sentiment_scores": "text_id varchar, model_id varchar, model_revision varchar, score double, "
    "confidence double, p_negative double, p_neutral double, p_positive double, label varchar, "
    "precision varchar, scored_at timestamptz",
    "asset_mentions": "text_id varchar, symbol varchar, rule varchar, matched varchar, "
    "start_offset bigint, end_offset bigint",
    "scoring_failures": "text_id varchar, model_id varchar, model_revision varchar, "
    "attempt bigint, error varchar, failed_at timestamptz",
    "rejected_rows": "source varchar, table_name varchar, row_hash varchar, reason varchar, "
    "payload varchar",
}


def closes_at(day: str) -> str:
    """The moment at which a slice has been loaded, as a literal."""
    return f"timestamptz '{day} 00:30:00+00'"


def _loaded(column: str) -> str:
    """The load that brings a row available at `column`."""
    cases = " ".join(f"when {column} < {closes_at(day)} then {closes_at(day)}" for day in SLICES)
    return f"case {cases} end"


def write_raw(connection: duckdb.DuckDBPyConnection) -> None:
    """Writes the whole history into the schema crypto_raw."""
    run = connection.execute
    run("set timezone = 'UTC'")
    run("create schema crypto_raw")
    for name, columns in TABLES.items():
        run(f"create table crypto_raw.{name} ({columns}, loaded_at timestamptz, is_sample boolean)")
    for statement in (*_prices(), *_facts(), *_texts(), *_posts()):
        run(statement)


def _prices() -> list[str]:
    symbols = ", ".join(f"({number}, '{symbol}')" for number, symbol in enumerate(SYMBOLS, 1))
    hours = (
        f"range(timestamptz '{FIRST_HOUR} 00:00:00+00', {closes_at(SLICES[-1])} - interval 1 hour, "
        "interval 1 hour)"
    )
    price = "k * 40.0 * (1 + 0.2 * sin(epoch(h) / 200000 + k) + 0.01 * sin(epoch(h) / 7000 * k))"
    return [
        f"""insert into crypto_raw.price_bars by name
        select 'coinbase' as provider, s as symbol, 60 as interval_minutes, h as bar_open_at,
            {price} as open, {price} * 1.003 as high, {price} * 0.996 as low, {price} * 1.001 as close,
            100 + hash(h) % 1000 as volume_base,
            case when k = 1 then null else ({price}) * (100 + hash(h) % 1000) end as volume_quote,
            'USD' as quote_currency, h + interval 1 hour as available_at,
            {_loaded("h + interval 1 hour")} as loaded_at, true as is_sample
        from {hours} as hours(h), (values {symbols}) as symbols(k, s)
        where hash(h, k) % 97 <> 5""",
        f"""update crypto_raw.price_bars set loaded_at = {closes_at(SLICES[2])}
        where symbol = 'ETH' and hash(bar_open_at) % 60 = 3 and loaded_at = {closes_at(SLICES[0])}""",
        f"""insert into crypto_raw.price_bars by name
        select * replace (close * 0.999 as close, low * 0.99 as low,
            {closes_at(SLICES[2])} as loaded_at, {closes_at(SLICES[2])} as available_at)
        from crypto_raw.price_bars
        where symbol = 'SOL' and hash(bar_open_at) % 150 = 7 and loaded_at < {closes_at(SLICES[1])}""",
    ]


def _facts() -> list[str]:
    days = f"range(date '{FIRST_HOUR}', date '{SLICES[-1]}', interval 1 day) as days(d)"
    metrics = "(values ('AdrActCnt'), ('TxCnt'), ('CapMVRVCur'), ('SplyCur'), ('FlowInExUSD'), ('FlowOutExUSD'))"
    known = "(d + interval 48 hour)::timestamptz"
    return [
        f"""insert into crypto_raw.onchain_metrics by name
        select 'coinmetrics' as provider, s as symbol, m as metric, d::date as day,
            1000 + hash(d, m, s) % 5000 as value, {known} as available_at,
            {_loaded(known)} as loaded_at, true as is_sample
        from {days}, {metrics} as metrics(m), (values ('BTC'), ('ETH')) as symbols(s)
        where {known} < {closes_at(SLICES[-1])}""",
        f"""insert into crypto_raw.onchain_metrics by name
        select * replace (value * 1.01 as value, {closes_at(SLICES[1])} as loaded_at,
            {closes_at(SLICES[1])} - interval 30 hour as available_at)
        from crypto_raw.onchain_metrics
        where day between date '2024-01-25' and date '2024-01-28' or day = date '2024-01-05'""",
        f"""insert into crypto_raw.macro_observations by name
        select 'fred' as provider, m as series_id, d::date as observation_date,
            (d + interval 1 day)::date as vintage_date, 10 + hash(d, m) % 30 as value,
            true as is_vintage, {known} as available_at, {_loaded(known)} as loaded_at,
            true as is_sample
        from {days}, (values ('VIXCLS'), ('DGS10'), ('FNG')) as series(m)
        where {known} < {closes_at(SLICES[-1])}""",
        f"""insert into crypto_raw.asset_snapshots by name
        select 'coingecko' as provider, s as symbol, h as captured_at,
            19000000 + epoch(h) / 10000 as circulating_supply, h as available_at,
            {_loaded("h")} as loaded_at, true as is_sample
        from range(timestamptz '{FIRST_HOUR} 03:10:00+00', {closes_at(SLICES[-1])}, interval 5 hour)
            as hours(h), (values ('BTC'), ('SOL')) as symbols(s)""",
    ]


def _texts() -> list[str]:
    moments = (
        f"range(timestamptz '{FIRST_HOUR} 00:07:00+00', {closes_at(SLICES[-1])}, interval 47 minute) "
        "as moments(h)"
    )
    late = f"least(loaded_at + interval 20 day, {closes_at(SLICES[-1])})"
    return [
        f"""insert into crypto_raw.articles by name
        select 'feed' as feed, 'guid ' || epoch(h)::bigint as guid,
            sha256(h::varchar) as text_version,
            case when hash(h) % 5 = 0 then 'market' else 'crypto' end as category, 'Märkte' as title,
            'text' as text, h as published_at, h as first_seen_at, h as available_at,
            false as is_backfilled, {_loaded("h")} as loaded_at, true as is_sample
        from {moments}""",
        f"""insert into crypto_raw.articles by name
        select * replace (sha256(text_version) as text_version,
            available_at + interval 200 minute as available_at,
            {_loaded("available_at + interval 200 minute")} as loaded_at)
        from crypto_raw.articles
        where hash(guid) % 10 = 1 and available_at < {closes_at(SLICES[-1])} - interval 1 day""",
        f"""insert into crypto_raw.sentiment_scores by name
        select text_version as text_id, {VADER}, (hash(text_version) % 2000) / 1000.0 - 1 as score,
            0.5 as confidence, loaded_at as scored_at, true as is_sample,
            case when hash(text_version) % 5 = 0 then {late} else loaded_at end as loaded_at
        from crypto_raw.articles""",
        f"""insert into crypto_raw.sentiment_scores by name
        select text_id, {CRYPTOBERT}, (hash(text_id) % 1000) / 500.0 - 1 as score, 0.5 as confidence,
            loaded_at as scored_at, loaded_at, true as is_sample
        from crypto_raw.sentiment_scores where hash(text_id) % 2 = 0""",
        """insert into crypto_raw.asset_mentions by name
        select text_id, s as symbol, 'name' as rule, max(loaded_at) as loaded_at, true as is_sample
        from crypto_raw.sentiment_scores, (values ('BTC'), ('SOL')) as symbols(s)
        where hash(text_id, s) % 3 = 0 and model_id = 'vader' group by text_id, s""",
    ]


def _posts() -> list[str]:
    return [
        """insert into crypto_raw.social_posts by name
        select 'stocktwits' as platform, 'post ' || guid as post_id, text_version as text_id,
            'author ' || hash(guid) % 50 as author_id, hash(guid) % 7 = 0 as is_verified,
            published_at as posted_at, text, available_at, true as is_backfilled, loaded_at,
            true as is_sample
        from crypto_raw.articles where hash(guid) % 4 = 0
        qualify row_number() over (partition by guid order by available_at) = 1""",
        f"""insert into crypto_raw.social_engagement by name
        select platform, post_id, available_at + to_hours(k) as captured_at,
            available_at + to_hours(k) as available_at, k * 3 as likes, k as reposts, 0 as replies,
            {_loaded("available_at + to_hours(k)")} as loaded_at, true as is_sample
        from crypto_raw.social_posts, (values (1), (5), (20)) as captures(k)
        where available_at + to_hours(k) < {closes_at(SLICES[-1])}""",
    ]
