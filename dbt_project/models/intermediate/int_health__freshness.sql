{{ config(materialized='view') }}

{#- The newest event of every stream and the age it may have. Events are read from the raw tables: the
    newest of all versions is the newest, so nothing needs to be deduplicated first. A stream that has
    never delivered has no row. -#}
{%- set hours = {
    'bars': 2, 'symbol': 24, 'snapshots': 26, 'feed': 72, 'posts': 24, 'engagement': 24, 'scores': 72,
} -%}

with

span as (
    select * from {{ ref('int_health__span') }}
),

bars as (
    select
        provider,
        symbol,
        max(bar_hour) + 1 as event_hour
    from {{ ref('int_prices__bars') }}
    group by provider, symbol
),

streams as (
    select
        'freshness' as check_name,
        concat('price_bars ', provider) as subject,
        max(event_hour) as event_hour,
        {{ hours.bars }} as max_age_hours
    from bars
    group by provider
    union all
    select
        'symbol_freshness' as check_name,
        bars.symbol as subject,
        max(bars.event_hour) as event_hour,
        {{ hours.symbol }} as max_age_hours
    from bars
    inner join {{ ref('assets') }} as assets
        on bars.symbol = assets.symbol
    cross join span
    -- an asset that has left the market is not late
    where
        assets.last_trade_date is null
        or {{ cf_epoch_hours(cf_day_start('assets.last_trade_date')) }} + 24 > span.reference_hour
    group by bars.symbol
    union all
    select
        'freshness' as check_name,
        concat('asset_snapshots ', landed.provider) as subject,
        {{ cf_epoch_hours(cf_utc('max(landed.captured_at)')) }} as event_hour,
        {{ hours.snapshots }} as max_age_hours
    from {{ source('raw', 'asset_snapshots') }} as landed
    where {{ cf_visible('landed') }}
    group by landed.provider
    union all
    select
        'freshness' as check_name,
        concat('onchain_metrics ', landed.provider, ' ', landed.metric) as subject,
        {{ cf_epoch_hours(cf_day_start('max(landed.day)')) }} + 24 as event_hour,
        {{ var('onchain_max_age_hours') }} as max_age_hours
    from {{ source('raw', 'onchain_metrics') }} as landed
    where {{ cf_visible('landed') }}
    group by landed.provider, landed.metric
    {% for column in var('macro_columns').values() %}
    union all
    select
        'freshness' as check_name,
        concat('macro_observations ', landed.provider, ' ', landed.series_id) as subject,
        {{ cf_epoch_hours(cf_day_start('max(landed.observation_date)')) }} as event_hour,
        24 * {{ column.max_age_days }} as max_age_hours
    from {{ source('raw', 'macro_observations') }} as landed
    where landed.series_id = '{{ column.series }}' and {{ cf_visible('landed') }}
    group by landed.provider, landed.series_id
    {% endfor %}
    union all
    select
        'freshness' as check_name,
        concat('articles ', landed.feed) as subject,
        {{ cf_epoch_hours(cf_utc('max(landed.available_at)')) }} as event_hour,
        {{ hours.feed }} as max_age_hours
    from {{ source('raw', 'articles') }} as landed
    where {{ cf_visible('landed') }}
    group by landed.feed
    union all
    select
        'freshness' as check_name,
        concat('social_posts ', landed.platform) as subject,
        {{ cf_epoch_hours(cf_utc('max(landed.posted_at)')) }} as event_hour,
        {{ hours.posts }} as max_age_hours
    from {{ source('raw', 'social_posts') }} as landed
    where {{ cf_visible('landed') }}
    group by landed.platform
    union all
    select
        'freshness' as check_name,
        concat('social_engagement ', landed.platform) as subject,
        {{ cf_epoch_hours(cf_utc('max(landed.captured_at)')) }} as event_hour,
        {{ hours.engagement }} as max_age_hours
    from {{ source('raw', 'social_engagement') }} as landed
    where {{ cf_visible('landed') }}
    group by landed.platform
    union all
    select
        'freshness' as check_name,
        concat('sentiment_scores ', landed.model_id) as subject,
        {{ cf_epoch_hours(cf_utc('max(landed.scored_at)')) }} as event_hour,
        {{ hours.scores }} as max_age_hours
    from {{ source('raw', 'sentiment_scores') }} as landed
    where {{ cf_visible('landed', has_available_at=false) }}
    group by landed.model_id
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
