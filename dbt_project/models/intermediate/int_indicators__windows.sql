{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    symbol_parts=4,
    pre_hook='{{ cf_clear_window() }}',
) }}

with

bars as (
    select
        kept.symbol,
        kept.bar_hour,
        kept.bar_number,
        kept.high_price,
        kept.low_price,
        kept.close_price
    from {{ ref('int_prices__bars') }} as kept
    {% if is_incremental() %}
    {{ cf_join_in_order() }} {{ ref('int_refresh__windows') }} as refresh
        on
            kept.symbol = refresh.symbol
            -- the longest window holds 49 bars before the first one to write
            and kept.bar_number > refresh.state_bar_number - 49
            {{ cf_in_window('kept', bars_before=49) }}
    {% endif %}
    where {{ cf_symbol_part('kept') }}
),

windowed as (
    select
        symbol,
        bar_hour,
        bar_number,
        close_price,
        avg(close_price) over last_20 as mean_20,
        avg(close_price) over last_50 as mean_50,
        stddev_pop(close_price) over last_20 as deviation_20,
        max(high_price) over last_14 as highest_14,
        min(low_price) over last_14 as lowest_14
    from bars
    window
        last_14 as (
            partition by symbol order by bar_number rows between 13 preceding and current row
        ),
        last_20 as (
            partition by symbol order by bar_number rows between 19 preceding and current row
        ),
        last_50 as (
            partition by symbol order by bar_number rows between 49 preceding and current row
        )
),

stochastic as (
    select
        windowed.*,
        case
            when windowed.bar_number >= 14 then
                100 * (windowed.close_price - windowed.lowest_14)
                / nullif(windowed.highest_14 - windowed.lowest_14, 0)
        end as stoch_k
    from windowed
),

smoothed as (
    select
        stochastic.*,
        avg(stochastic.stoch_k) over last_3 as mean_stoch_k,
        count(stochastic.stoch_k) over last_3 as stoch_k_count
    from stochastic
    window last_3 as (
        partition by symbol order by bar_number rows between 2 preceding and current row
    )
),

final as (
    select
        smoothed.symbol,
        smoothed.bar_hour,
        smoothed.bar_number,
        case when smoothed.bar_number >= 20 then smoothed.mean_20 end as sma_20,
        case when smoothed.bar_number >= 50 then smoothed.mean_50 end as sma_50,
        case when smoothed.bar_number >= 20 then smoothed.deviation_20 end as deviation_20,
        smoothed.stoch_k,
        case when smoothed.stoch_k_count = 3 then smoothed.mean_stoch_k end as stoch_d
    from smoothed
    {{ cf_join_window('smoothed') }}
)

select * from final
