{{ config(materialized='view') }}

with

assets as (
    select * from {{ ref('assets') }}
),

span as (
    select * from {{ cf_bar_spans() }} as spans
),

-- bars are numbered without gaps: the last number is their count
bars as (
    select
        span.symbol,
        span.first_hour,
        span.last_hour,
        last_bars.bar_number as bar_count
    from span
    inner join {{ ref('int_prices__bars') }} as last_bars
        on
            span.symbol = last_bars.symbol
            and span.last_hour = last_bars.bar_hour
),

final as (
    select
        assets.symbol,
        assets.name as asset_name,
        assets.aliases,
        assets.coinbase_id,
        assets.coingecko_id,
        assets.coinmetrics_id,
        assets.stocktwits_id,
        assets.binance_id,
        assets.kraken_id,
        assets.is_ordinary_word,
        assets.first_trade_date,
        assets.last_trade_date,
        {{ cf_from_epoch_hours('bars.first_hour') }} as first_bar_at,
        {{ cf_from_epoch_hours('bars.last_hour') }} as last_bar_at,
        coalesce(bars.bar_count, 0) as bar_count
    from assets
    left join bars
        on assets.symbol = bars.symbol
)

select * from final
