{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour', 'provider'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{#- An hour is made from five-minute bars only where all twelve are there: an exchange sends none where nobody
    traded, so fewer may mean a quiet hour or a missing one. -#}
with

five_minute as (
    select
        bars.provider,
        bars.symbol,
        {{ cf_epoch_hours('bars.bar_open_at') }} as bar_hour,
        bars.bar_open_at,
        bars.open_price,
        bars.high_price,
        bars.low_price,
        bars.close_price,
        bars.volume_base,
        bars.volume_quote,
        bars.trade_count,
        bars.quote_currency,
        bars.is_sample
    from {{ ref('stg_prices__bars') }} as bars
    where
        bars.interval_minutes = 5
        {{ cf_in_window('bars', time_column='bar_open_at') }} -- noqa: LT02
),

in_window as (
    select
        five_minute.*,
        {{ cf_from_epoch_hours('five_minute.bar_hour') }} as hour_open_at
    from five_minute
    {{ cf_join_window('five_minute') }}
),

final as (
    select
        in_window.provider,
        in_window.symbol,
        in_window.bar_hour,
        min(in_window.bar_open_at) as bar_open_at,
        max(case when in_window.bar_open_at = in_window.hour_open_at then in_window.open_price end)
            as open_price,
        max(in_window.high_price) as high_price,
        min(in_window.low_price) as low_price,
        max(case
            when in_window.bar_open_at = {{ cf_minutes_after('in_window.hour_open_at', 55) }}
                then in_window.close_price
        end) as close_price,
        sum(in_window.volume_base) as volume_base,
        case when count(in_window.volume_quote) = 12 then sum(in_window.volume_quote) end as volume_quote,
        {{ cf_bigint(
            'case when count(in_window.trade_count) = 12 then sum(in_window.trade_count) end'
        ) }} as trade_count,
        min(in_window.quote_currency) as quote_currency,
        max(in_window.is_sample) as is_sample
    from in_window
    group by in_window.provider, in_window.symbol, in_window.bar_hour
    -- twelve bars in which nobody traded make no hour
    having count(*) = 12 and max(case when {{ cf_was_traded('in_window') }} then 1 else 0 end) = 1
)

select * from final
