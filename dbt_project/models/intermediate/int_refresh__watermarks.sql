{{ config(materialized='table', table_key=['raw_table']) }}

{%- set raw_tables = [
    'price_bars', 'asset_snapshots', 'onchain_metrics', 'macro_observations', 'articles',
    'social_posts', 'social_engagement', 'sentiment_scores', 'asset_mentions',
] -%}
{%- set completed = cf_carried_state('int_refresh__completed') if cf_keeps_state() else none %}

with

loads as (
    {% for raw_table in raw_tables %}
    {{ cf_recent_loads(raw_table, completed) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

seen as (
    {% if completed is not none %}
    select
        raw_table,
        loaded_through,
        recent_rows
    from {{ completed }}
    {% else %}
    select
        raw_table,
        loaded_at as loaded_through,
        row_count as recent_rows
    from loads
    where 1 = 0
    {% endif %}
),

-- beside its rows, not in a CTE of its own: MariaDB reads a CTE again each time it is named
landed as (
    select
        loads.*,
        max(loads.loaded_at) over (partition by loads.raw_table) as loaded_through
    from loads
),

counted as (
    select
        landed.raw_table,
        landed.loaded_through,
        seen.loaded_through as seen_through,
        seen.recent_rows as seen_rows,
        {{ cf_rows_until('landed.loaded_through') }} as recent_rows,
        {{ cf_rows_until('seen.loaded_through') }} as found_rows
    from landed
    left join seen
        on landed.raw_table = seen.raw_table
    group by landed.raw_table, landed.loaded_through, seen.loaded_through, seen.recent_rows
),

final as (
    select
        raw_table,
        loaded_through,
        recent_rows,
        case
            when seen_through is null then {{ cf_long_before('loaded_through') }}
            when found_rows = seen_rows then seen_through
            else {{ cf_recently_before('seen_through') }}
        end as read_from
    from counted
)

select * from final
