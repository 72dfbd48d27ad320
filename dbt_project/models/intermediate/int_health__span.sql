{{ config(materialized='view') }}

{#- The days that data_health looks at, and the moment it measures ages from. That moment is the newest
    load (or the point in time a build is made for), never the wall clock: the same warehouse gives the
    same rows whenever it is built. -#}
{%- set moments = [var('as_of'), var('loaded_as_of')] | select | list %}

with

newest_bar as (
    select {{ cf_horizon() }} - 1 as bar_hour
),

newest_load as (
    {% if moments %}
    -- noqa: disable=LT02
    {% for moment in moments %}
    select {{ cf_epoch_hours(cf_utc(cf_raw_literal(moment))) }} as load_hour
    {{ 'union all' if not loop.last }}
    {% endfor %}
    -- noqa: enable=LT02
    {% else %}
    select {{ cf_epoch_hours(cf_utc('max(marks.loaded_through)')) }} as load_hour
    from {{ ref('int_refresh__watermarks') }} as marks
    {% endif %}
),

reference as (
    select min(load_hour) as load_hour
    from newest_load
),

final as (
    select
        {{ cf_floor_div('newest_bar.bar_hour', 24) }} - {{ var('health_days', 30) }} + 1 as first_day,
        {{ cf_floor_div('newest_bar.bar_hour', 24) }} as last_day,
        reference.load_hour as reference_hour
    from newest_bar
    cross join reference
)

select * from final
