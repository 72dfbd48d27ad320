{{ config(materialized='table', table_key=['check_name', 'symbol', 'day_number']) }}

{#- Bars held against each other: an hour made from five-minute bars against the exchange's own, and the bar
    taken against those of other providers. -#}
{%- set opened = {'time_column': 'bar_open_at', 'start': 'first_hour'} %}
{%- set first_hour = '24 * span.first_day' %}
with

span as (
    select * from {{ ref('int_health__span') }}
),

own as (
    select
        bars.provider,
        bars.symbol,
        {{ cf_epoch_hours('bars.bar_open_at') }} as bar_hour,
        bars.high_price,
        bars.low_price,
        bars.close_price
    from {{ ref('stg_prices__bars') }} as bars
    cross join span
    where
        bars.interval_minutes = 60
        and {{ cf_was_traded('bars') }}
        and bars.bar_open_at >= {{ cf_from_epoch_hours('(' ~ first_hour ~ ')') }}
        {{ cf_window_condition(cf_health_windows(), 'bars', **opened) }} -- noqa: LT02
),

resampled as (
    select made.*
    from {{ ref('int_prices__resampled') }} as made
    cross join span
    where
        made.bar_hour >= {{ first_hour }}
        {{ cf_window_condition(cf_health_windows(), 'made', start='first_hour') }} -- noqa: LT02
),

taken as (
    select bars.*
    from {{ ref('int_prices__bars') }} as bars
    cross join span
    where
        bars.bar_hour >= {{ first_hour }}
        {{ cf_window_condition(cf_health_windows(), 'bars', start='first_hour') }} -- noqa: LT02
),

compared as (
    select
        'resampled_bars' as check_name,
        resampled.symbol,
        resampled.bar_hour,
        greatest(
            {{ cf_difference_pct('resampled.high_price', 'own.high_price') }},
            {{ cf_difference_pct('resampled.low_price', 'own.low_price') }},
            {{ cf_difference_pct('resampled.close_price', 'own.close_price') }}
        ) as difference_pct,
        1e-6 as allowed_pct
    from resampled
    inner join own
        on
            resampled.symbol = own.symbol
            and resampled.bar_hour = own.bar_hour
            and resampled.provider = own.provider
    union all
    select
        'provider_difference' as check_name,
        taken.symbol,
        taken.bar_hour,
        {{ cf_difference_pct('own.close_price', 'taken.close_price') }} as difference_pct,
        1e0 * {{ var('provider_difference_pct') }} as allowed_pct
    from taken
    inner join own
        on
            taken.symbol = own.symbol
            and taken.bar_hour = own.bar_hour
            and taken.provider <> own.provider
),

final as (
    select
        check_name,
        symbol,
        {{ cf_floor_div('bar_hour', 24) }} as day_number,
        count(*) as compared_count,
        sum(case when difference_pct > allowed_pct then 1 else 0 end) as differing_count,
        max(difference_pct) as largest_pct,
        max(allowed_pct) as allowed_pct
    from compared
    group by check_name, symbol, {{ cf_floor_div('bar_hour', 24) }}
)

select * from final
