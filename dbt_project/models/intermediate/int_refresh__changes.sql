{{ config(materialized='table') }}

-- depends_on: {{ ref('int_refresh__watermarks') }}
{%- set completed = cf_carried_state('int_refresh__completed') if cf_keeps_state() else none %}

{% if completed is none %}
with

final as (
    select
        'everything' as raw_table,
        {{ cf_null_symbol() }} as symbol,
        0 as from_hour
)

{% else %}
with

bars as (
    {{ cf_new_rows('price_bars', 'bar_open_at', symbol='landed.symbol') }}
),

snapshots as (
    {{ cf_new_rows('asset_snapshots', 'available_at', symbol='landed.symbol') }}
),

onchain as (
    {{ cf_new_rows('onchain_metrics', 'available_at', symbol='landed.symbol') }}
),

macro as (
    {{ cf_new_rows('macro_observations', 'available_at') }}
),

articles as (
    {{ cf_new_rows('articles', 'available_at') }}
),

posts as (
    {{ cf_new_rows('social_posts', 'available_at') }}
),

engagement as (
    {{ cf_new_rows('social_engagement', 'available_at') }}
),

article_scores as (
    {{ cf_new_rows(
        'sentiment_scores', 'available_at', via='articles', via_key='text_version'
    ) }}
),

post_scores as (
    {{ cf_new_rows(
        'sentiment_scores', 'available_at', via='social_posts', via_key='text_id'
    ) }}
),

article_mentions as (
    {{ cf_new_rows(
        'asset_mentions', 'available_at', symbol='landed.symbol', via='articles',
        via_key='text_version'
    ) }}
),

post_mentions as (
    {{ cf_new_rows(
        'asset_mentions', 'available_at', symbol='landed.symbol', via='social_posts',
        via_key='text_id'
    ) }}
),

final as (
    select * from bars
    union all
    select * from snapshots
    union all
    select * from onchain
    union all
    select * from macro
    union all
    select * from articles
    union all
    select * from posts
    union all
    select * from engagement
    union all
    select * from article_scores
    union all
    select * from post_scores
    union all
    select * from article_mentions
    union all
    select * from post_mentions
)

{% endif %}

select
    raw_table,
    symbol,
    from_hour
from final
where from_hour is not null
