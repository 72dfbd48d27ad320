{{ config(materialized='table', table_key=['column_name', 'day_number']) }}

{#- How much of each mart column is there, by day. The columns are those of the mart's contract; a column's
    own earlier days in the span are what a day is held against, the day itself left out. -#}
{%- set mart_node = graph.nodes['model.crypto_features.ml_features_materialized'] if execute else {} %}
{%- set columns = mart_node.get('columns', {}).keys() | reject('in', ['symbol', 'timestamp_iso']) | list %}

with

span as (
    select * from {{ ref('int_health__span') }}
),

mart as (
    select
        {{ cf_floor_div(cf_epoch_hours('features.timestamp_iso'), 24) }} as day_number,
        features.*
    from {{ ref('ml_features_materialized') }} as features
    cross join span
    where
        features.timestamp_iso >= {{ cf_from_epoch_hours('(24 * span.first_day)') }}
        -- noqa: disable=LT02
        {{ cf_window_condition(
            cf_health_windows(), 'features', time_column='timestamp_iso', start='first_hour'
        ) }}
        -- noqa: enable=LT02
),

days as (
    select
        day_number,
        -- noqa: disable=LT02
        {% for column in columns %}
        count({{ column }}) as {{ column }},
        {% endfor %}
        count(*) as row_count
    from mart
    group by day_number
),

names as (
    {% for column in columns %}
    select '{{ column }}' as column_name
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

counts as (
    select
        names.column_name,
        days.day_number,
        days.row_count,
        case names.column_name
            {% for column in columns %}
            when '{{ column }}' then days.{{ column }}
            {% endfor %}
        end as value_count
    from days
    cross join names
),

final as (
    select
        column_name,
        day_number,
        row_count,
        value_count,
        1e0 * value_count / row_count as value_share,
        avg(1e0 * value_count / row_count) over earlier_days as earlier_share,
        stddev_pop(1e0 * value_count / row_count) over earlier_days as earlier_deviation,
        count(*) over earlier_days as earlier_count
    from counts
    window earlier_days as (
        partition by column_name
        order by day_number
        rows between unbounded preceding and 1 preceding
    )
)

select * from final
