{{ config(materialized='view') }}

{#- The newest event of every stream and the age it may have. Events are read from the raw tables: the
    newest of all versions is the newest, so nothing needs to be deduplicated first. A stream that has
    never delivered has no row. -#}
{%- set hours = {
    'bars': 2, 'symbol': 24, 'snapshots': 26, 'feed': 72, 'posts': 24, 'engagement': 24, 'scores': 72,
} -%}
{%- set streams = [
    {'table': 'price_bars', 'by': ['provider'], 'key': ['provider', 'symbol', 'interval_minutes'],
        'event': 'bar_open_at', 'lasts': 1, 'hours': hours.bars},
    {'table': 'asset_snapshots', 'by': ['provider'], 'key': ['provider', 'symbol'], 'event': 'captured_at',
        'hours': hours.snapshots},
    {'table': 'onchain_metrics', 'by': ['provider', 'metric'], 'key': ['provider', 'symbol', 'metric'],
        'event': 'day', 'lasts': 24, 'hours': var('onchain_max_age_hours')},
    {'table': 'articles', 'by': ['feed'], 'event': 'available_at', 'hours': hours.feed,
        'only': "landed.feed not like '" ~ var('archive_feeds') ~ "'"},
    {'table': 'social_posts', 'by': ['platform'], 'event': 'posted_at', 'hours': hours.posts},
    {'table': 'social_engagement', 'by': ['platform'], 'event': 'captured_at', 'hours': hours.engagement},
    {'table': 'sentiment_scores', 'by': ['model_id'], 'event': 'scored_at', 'hours': hours.scores, 'timeless': true},
] -%}
{%- for column in var('macro_columns').values() -%}
    {%- do streams.append({
        'table': 'macro_observations', 'by': ['provider', 'series_id'], 'event': 'observation_date',
        'hours': 24 * column.max_age_days, 'only': "landed.series_id = '" ~ column.series ~ "'",
    }) -%}
{%- endfor %}

with

span as (
    select * from {{ ref('int_health__span') }}
),

bars as (
    select
        spans.symbol,
        spans.last_hour + 1 as event_hour
    from {{ cf_bar_spans() }} as spans
),

streams as (
    select
        'symbol_freshness' as check_name,
        bars.symbol as subject,
        bars.event_hour,
        {{ hours.symbol }} as max_age_hours
    from bars
    inner join {{ ref('assets') }} as assets
        on bars.symbol = assets.symbol
    cross join span
    -- an asset that has left the market is not late
    where
        assets.last_trade_date is null
        or {{ cf_epoch_hours(cf_day_start('assets.last_trade_date')) }} + 24 > span.reference_hour
    {% for stream in streams %}
    union all
    {{ cf_newest_event(stream) }}
    {% endfor %}
),

final as (
    select
        streams.check_name,
        streams.subject,
        {{ cf_floor_div('span.reference_hour', 24) }} as day_number,
        streams.event_hour,
        span.reference_hour - streams.event_hour as age_hours,
        streams.max_age_hours
    from streams
    cross join span
)

select * from final
