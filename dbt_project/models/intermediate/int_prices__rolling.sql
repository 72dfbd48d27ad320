{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    symbol_parts=4,
    pre_hook='{{ cf_clear_window() }}',
) }}

{#- Sums and changes over the hour grid. A missing hour has no row: frames over bar_hour (a count of hours)
    see the grid as it is, so that 24 hours are 24 hours across an outage. -#}
with

bars as (
    select
        kept.symbol,
        kept.bar_hour,
        kept.first_bar_hour,
        kept.close_price,
        kept.volume_usd,
        kept.volume_base,
        kept.volume_base
        * ((kept.high_price + kept.low_price + kept.close_price) / 3) as typical_volume_usd,
        -- a return over an outage is none of an hour
        case
            when kept.bar_hour - kept.previous_bar_hour = 1
                then ln(kept.close_price / kept.previous_close_price)
        end as log_return
    from {{ ref('int_prices__bars') }} as kept
    {{ cf_join_window('kept', hours_before=167, is_stored=true) }}
    where {{ cf_symbol_part('kept') }}
),

windowed as (
    select
        symbol,
        bar_hour,
        first_bar_hour,
        close_price,
        max(close_price) over day_before as close_price_24h_ago,
        sum(volume_usd) over last_24 as volume_24h,
        sum(typical_volume_usd) over last_24 as typical_volume_24h,
        sum(volume_base) over last_24 as volume_base_24h,
        stddev_samp(log_return) over last_168 as log_return_deviation,
        count(log_return) over last_168 as log_return_count
    from bars
    window
        day_before as (
            partition by symbol order by bar_hour range between 24 preceding and 24 preceding
        ),
        last_24 as (
            partition by symbol order by bar_hour range between 23 preceding and current row
        ),
        last_168 as (
            partition by symbol order by bar_hour range between 167 preceding and current row
        )
),

final as (
    select
        windowed.symbol,
        windowed.bar_hour,
        case when windowed.bar_hour - windowed.first_bar_hour >= 23 then windowed.volume_24h end
            as volume_24h,
        windowed.close_price - windowed.close_price_24h_ago as price_change_24h,
        100 * (windowed.close_price - windowed.close_price_24h_ago) / windowed.close_price_24h_ago
            as price_change_percentage_24h,
        case
            when windowed.bar_hour - windowed.first_bar_hour >= 23
                then windowed.typical_volume_24h / nullif(windowed.volume_base_24h, 0)
        end as vwap,
        case when windowed.log_return_count >= 160 then windowed.log_return_deviation end
            as price_volatility_7d
    from windowed
    {{ cf_join_window('windowed') }}
)

select * from final
