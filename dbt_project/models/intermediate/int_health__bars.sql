{{ config(materialized='table', table_key=['symbol', 'day_number']) }}

{#- What is missing and what was restated, by symbol and day. -#}
{%- set opened = {'time_column': 'bar_open_at', 'start': 'first_hour'} %}
with

span as (
    select * from {{ ref('int_health__span') }}
),

traded as (
    select
        symbol,
        min(bar_hour) as first_hour,
        max(bar_hour) as last_hour
    from {{ ref('int_prices__bars') }}
    group by symbol
),

days as (
    select
        span.first_day + numbers.n as day_number,
        24 * (span.first_day + numbers.n) as from_hour,
        24 * (span.first_day + numbers.n) + 23 as through_hour
    from span
    inner join {{ ref('int_numbers') }} as numbers
        on numbers.size = span.last_day - span.first_day + 1
),

expected as (
    select
        traded.symbol,
        days.day_number,
        least(traded.last_hour, days.through_hour) - greatest(traded.first_hour, days.from_hour) + 1
            as hour_count
    from traded
    inner join days
        on
            traded.first_hour <= days.through_hour
            and traded.last_hour >= days.from_hour
),

found as (
    select
        bars.symbol,
        {{ cf_floor_div('bars.bar_hour', 24) }} as day_number,
        count(*) as bar_count
    from {{ ref('int_prices__bars') }} as bars
    cross join span
    where
        bars.bar_hour >= 24 * span.first_day
        {{ cf_window_condition(cf_health_windows(), 'bars', start='first_hour') }} -- noqa: LT02
    group by bars.symbol, {{ cf_floor_div('bars.bar_hour', 24) }}
),

restated as (
    select
        landed.provider,
        landed.symbol,
        {{ cf_floor_div(cf_epoch_hours(cf_utc('landed.bar_open_at')), 24) }} as day_number,
        landed.bar_open_at
    from {{ source('raw', 'price_bars') }} as landed
    cross join span
    where
        landed.interval_minutes = 60
        and {{ cf_utc('landed.bar_open_at') }} >= {{ cf_from_epoch_hours('(24 * span.first_day)') }}
        and {{ cf_visible('landed') }}
        {{ cf_window_condition(cf_health_windows(), 'landed', **opened) }} -- noqa: LT02
    group by landed.provider, landed.symbol, landed.bar_open_at
    having count(*) > 1
),

corrected as (
    select
        symbol,
        day_number,
        count(*) as bar_count
    from restated
    group by symbol, day_number
),

final as (
    select
        expected.symbol,
        expected.day_number,
        expected.hour_count,
        expected.hour_count - coalesce(found.bar_count, 0) as missing_count,
        coalesce(corrected.bar_count, 0) as corrected_count
    from expected
    left join found
        on
            expected.symbol = found.symbol
            and expected.day_number = found.day_number
    left join corrected
        on
            expected.symbol = corrected.symbol
            and expected.day_number = corrected.day_number
)

select * from final
