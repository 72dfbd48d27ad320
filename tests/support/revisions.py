# ruff: noqa: E501 - the statements read better whole
"""A raw history in which every column of the mart has values, and what is revised in it afterwards.

It adds to the history of the engines' tests the series, scores and posts that it lacks, and at
``LATER`` rows that change what stood in all columns: late and corrected bars, archived articles and
posts, edits, restated days, new vintages, new captures, and texts scored again.
"""

from __future__ import annotations

import duckdb

from tests.parity.slices import SLICES, closes_at, write_raw

LATER = "2024-03-25"
MODELS = {
    "ProsusAI/finbert": "4556d13015211d73dccd3fdd39d39232506f3e43",
    "cfw/minilm-head": "0.1.0-a21c1e73642a",
}
_END = closes_at(SLICES[-1])
_LATER = closes_at(LATER)


def write_history(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the history and its revisions into the schema crypto_raw."""
    write_raw(connection)
    for statement in (*_completed(), *_revised_prices(), *_revised_facts(), *_revised_texts()):
        connection.execute(statement)


def _completed() -> list[str]:
    scores = [
        f"""insert into crypto_raw.sentiment_scores by name
        select text_id, '{model}' as model_id, '{revision}' as model_revision, 0.5 as confidence,
            (hash(text_id, '{model}') % 1000) / 500.0 - 1 as score, scored_at, loaded_at, is_sample
        from crypto_raw.sentiment_scores where model_id = 'vader'"""
        for model, revision in MODELS.items()
    ]
    return [
        """insert into crypto_raw.macro_observations by name
        select known.* replace (m as series_id, value * k as value)
        from crypto_raw.macro_observations as known,
            (values ('SP500', 200.0), ('DTWEXBGS', 5.5), ('DFF', 0.25)) as series(m, k)
        where series_id = 'VIXCLS'""",
        # an index that is stale after two days, known ten hours into its day
        """insert into crypto_raw.macro_observations by name
        select * replace (vintage_date - 1 as vintage_date,
            available_at - interval 38 hour as available_at)
        from crypto_raw.macro_observations where series_id = 'FNG'""",
        *scores,
    ]


def _revised_prices() -> list[str]:
    return [
        # hours that were missing: known at their close, loaded now
        f"""insert into crypto_raw.price_bars by name
        select * replace (bar_open_at + interval 1 hour as bar_open_at,
            available_at + interval 1 hour as available_at, {_LATER} as loaded_at)
        from crypto_raw.price_bars as known
        where available_at < {closes_at(SLICES[0])} and hash(bar_open_at) % 4 = 0
            and not exists (
                select 1 from crypto_raw.price_bars as there
                where there.symbol = known.symbol
                    and there.bar_open_at = known.bar_open_at + interval 1 hour
            )
        qualify row_number() over (partition by symbol, bar_open_at order by loaded_at) = 1""",
        # corrections: another bar, known since it was loaded
        f"""insert into crypto_raw.price_bars by name
        select * replace (open * 1.001 as open, high * 1.02 as high, low * 0.98 as low,
            close * 1.001 as close, volume_base * 1.5 as volume_base,
            {_LATER} as loaded_at, {_LATER} as available_at)
        from crypto_raw.price_bars
        where hash(bar_open_at, symbol) % 200 = 3 and loaded_at < {_LATER}
        qualify row_number() over (partition by symbol, bar_open_at order by loaded_at) = 1""",
        f"""insert into crypto_raw.asset_snapshots by name
        select * replace (captured_at + interval 37 minute as captured_at, {_LATER} as loaded_at,
            available_at + interval 37 minute as available_at,
            circulating_supply * 1.01 as circulating_supply)
        from crypto_raw.asset_snapshots where hash(captured_at) % 3 = 0""",
    ]


def _revised_facts() -> list[str]:
    return [
        f"""insert into crypto_raw.onchain_metrics by name
        select * replace (value * 1.2 as value, available_at + interval 2 hour as available_at,
            {_LATER} as loaded_at)
        from crypto_raw.onchain_metrics where hash(day) % 3 = 0 and loaded_at < {_LATER}
        qualify row_number() over (partition by symbol, metric, day order by loaded_at) = 1""",
        # days of a symbol that had none
        f"""insert into crypto_raw.onchain_metrics by name
        select * replace ('SOL' as symbol, {_LATER} as loaded_at) from crypto_raw.onchain_metrics
        where symbol = 'ETH' and loaded_at < {_LATER}
        qualify row_number() over (partition by symbol, metric, day order by loaded_at) = 1""",
        f"""insert into crypto_raw.macro_observations by name
        select * replace ((vintage_date + interval 1 day)::date as vintage_date,
            value * 1.03 as value, available_at + interval 3 hour as available_at,
            {_LATER} as loaded_at)
        from crypto_raw.macro_observations where hash(observation_date) % 2 = 0""",
    ]


def _revised_texts() -> list[str]:
    return [
        # articles of an archive, available then
        f"""insert into crypto_raw.articles by name
        select * replace (guid || ' archive' as guid, sha256(text_version || 'a') as text_version,
            available_at + interval 90 minute as available_at, true as is_backfilled,
            {_LATER} as loaded_at)
        from crypto_raw.articles where hash(guid, 1) % 3 = 0""",
        # edits
        f"""insert into crypto_raw.articles by name
        select * replace (sha256(text_version || 'e') as text_version,
            available_at + interval 4 hour as available_at, {_LATER} as loaded_at)
        from crypto_raw.articles where hash(guid, 2) % 5 = 0 and loaded_at < {_LATER}""",
        f"""insert into crypto_raw.social_posts by name
        select 'stocktwits' as platform, 'late ' || guid as post_id, text_version as text_id,
            'late author ' || hash(guid) % 50 as author_id, hash(guid) % 2 = 0 as is_verified,
            published_at as posted_at, text, available_at, true as is_backfilled, loaded_at,
            true as is_sample
        from crypto_raw.articles where loaded_at = {_LATER} and hash(guid) % 3 = 0
        qualify row_number() over (partition by guid order by available_at) = 1""",
        f"""insert into crypto_raw.social_engagement by name
        select platform, post_id, available_at + interval 100 minute as captured_at,
            available_at + interval 100 minute as available_at, 50 as likes, 5 as reposts,
            1 as replies, {_LATER} as loaded_at, true as is_sample
        from crypto_raw.social_posts""",
        # every text scored again by the same revisions, and the new texts for the first time
        f"""insert into crypto_raw.sentiment_scores by name
        select * replace (-score as score, {_LATER} as scored_at, {_LATER} as loaded_at)
        from crypto_raw.sentiment_scores
        where loaded_at < {_LATER} and hash(text_id) % 2 = 0""",
        f"""insert into crypto_raw.sentiment_scores by name
        select texts.text_version as text_id, models.model_id, models.model_revision,
            (hash(texts.text_version, models.model_id) % 1000) / 500.0 - 1 as score,
            0.5 as confidence, {_LATER} as scored_at, {_LATER} as loaded_at, true as is_sample
        from (select distinct text_version from crypto_raw.articles where loaded_at = {_LATER}) as texts,
            (select distinct model_id, model_revision from crypto_raw.sentiment_scores) as models""",
        f"""insert into crypto_raw.asset_mentions by name
        select text_version as text_id, s as symbol, 'name' as rule, {_LATER} as loaded_at,
            true as is_sample
        from (select distinct text_version from crypto_raw.articles where loaded_at = {_LATER}) as texts,
            (values ('BTC'), ('ETH'), ('SOL')) as symbols(s)
        where hash(text_version, s) % 3 = 0""",
    ]
