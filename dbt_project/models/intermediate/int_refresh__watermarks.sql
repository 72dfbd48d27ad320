{{ config(materialized='table', table_key=['raw_table']) }}

{%- set raw_tables = [
    'price_bars', 'asset_snapshots', 'onchain_metrics', 'macro_observations', 'articles',
    'social_posts', 'social_engagement', 'sentiment_scores', 'asset_mentions',
] -%}
{%- set completed = cf_carried_state('int_refresh__completed') if cf_keeps_state() else none %}

with

landed as (
    {% for raw_table in raw_tables %}
    {{ cf_landed(raw_table) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

{% if completed is not none %}
found_again as (
    {% for raw_table in raw_tables %}
    {{ cf_found_again(raw_table, completed) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        landed.raw_table,
        landed.loaded_through,
        landed.recent_rows,
        case
            when found_again.raw_table is null then {{ cf_long_before('landed.loaded_through') }}
            when found_again.found_rows = found_again.recent_rows then found_again.loaded_through
            else {{ cf_recently_before('found_again.loaded_through') }}
        end as read_from
    from landed
    left join found_again
        on landed.raw_table = found_again.raw_table
)
{% else %}
final as (
    select
        raw_table,
        loaded_through,
        recent_rows,
        {{ cf_long_before('loaded_through') }} as read_from
    from landed
)
{% endif %}

select * from final
