with

bars as (
    select * from {{ source('raw', 'price_bars') }}
),

renamed as (
    select
        bars.provider,
        bars.symbol,
        bars.interval_minutes,
        {{ cf_utc('bars.bar_open_at') }} as bar_open_at,
        bars.open as open_price,
        bars.high as high_price,
        bars.low as low_price,
        bars.close as close_price,
        bars.volume_base,
        bars.volume_quote,
        bars.trade_count,
        bars.quote_currency,
        {{ cf_utc('bars.available_at') }} as available_at,
        {{ cf_utc('bars.loaded_at') }} as loaded_at,
        bars.is_sample
    from bars
    where
        {{ cf_visible('bars') }}
        {{ cf_of_symbols(var('only_symbols'), 'bars') }} -- noqa: LT02
    {{ cf_only_newest(
        source('raw', 'price_bars'),
        'bars',
        ['provider', 'symbol', 'interval_minutes', 'bar_open_at']
    ) }}
)

select * from renamed
