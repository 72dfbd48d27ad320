{{ config(materialized='view') }}

with

windows as (
    select * from {{ ref('int_indicators__windows') }}
),

smoothed as (
    select * from {{ ref('int_indicators__smoothed') }}
),

signals as (
    select * from {{ ref('int_indicators__macd_signal') }}
),

rolling as (
    select * from {{ ref('int_prices__rolling') }}
),

final as (
    select
        windows.symbol,
        windows.bar_hour,
        {{ cf_from_epoch_hours('windows.bar_hour') }} as timestamp_iso,
        windows.bar_number,
        smoothed.rsi_14,
        windows.sma_20,
        windows.sma_50,
        smoothed.ema_12,
        smoothed.ema_26,
        smoothed.macd_line,
        signals.macd_signal,
        smoothed.macd_line - signals.macd_signal as macd_histogram,
        windows.sma_20 + 2 * windows.deviation_20 as bb_upper,
        windows.sma_20 as bb_middle,
        windows.sma_20 - 2 * windows.deviation_20 as bb_lower,
        windows.stoch_k,
        windows.stoch_d,
        smoothed.atr_14,
        rolling.vwap,
        rolling.volume_24h,
        rolling.price_change_24h,
        rolling.price_change_percentage_24h,
        rolling.price_volatility_7d
    from windows
    inner join smoothed
        on
            windows.symbol = smoothed.symbol
            and windows.bar_hour = smoothed.bar_hour
    inner join signals
        on
            windows.symbol = signals.symbol
            and windows.bar_hour = signals.bar_hour
    inner join rolling
        on
            windows.symbol = rolling.symbol
            and windows.bar_hour = rolling.bar_hour
)

select * from final
