{{ config(materialized='table', table_key=['raw_table']) }}

{%- set raw_tables = [
    'price_bars', 'asset_snapshots', 'onchain_metrics', 'macro_observations', 'articles',
    'social_posts', 'social_engagement', 'sentiment_scores', 'asset_mentions',
] -%}

with

newest as (
    {%- for raw_table in raw_tables %}
    select
        '{{ raw_table }}' as raw_table,
        max(landed.loaded_at) as loaded_through
    from {{ source('raw', raw_table) }} as landed
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

final as (
    select
        raw_table,
        loaded_through
    from newest
    where loaded_through is not null
)

select * from final
