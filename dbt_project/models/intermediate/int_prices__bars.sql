{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    table_indexes=[['symbol', 'bar_number']],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set windows = ref('int_refresh__windows') %}
{%- set columns = [
    'symbol', 'provider', 'bar_open_at', 'open_price', 'high_price', 'low_price', 'close_price', 'volume_base',
    'volume_quote', 'quote_currency', 'is_sample',
] %}

with

own as (
    select
        -- noqa: disable=LT02
        {% for column in columns %}
        bars.{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        {{ cf_epoch_hours('bars.bar_open_at') }} as bar_hour,
        2 as source_rank
    from {{ ref('stg_prices__bars') }} as bars
    where
        bars.interval_minutes = 60
        and {{ cf_was_traded('bars') }}
        {{ cf_in_window('bars', time_column='bar_open_at') }} -- noqa: LT02
),

-- an hour made from five-minute bars goes before the exchange's own
resampled as (
    select
        -- noqa: disable=LT02
        {% for column in columns %}
        made.{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        made.bar_hour,
        1 as source_rank
    from {{ ref('int_prices__resampled') }} as made
    {{ cf_join_window('made', is_stored=true) }}
),

hourly as (
    select * from own
    union all
    select * from resampled
),

in_window as (
    select
        hourly.*,
        {{ cf_provider_rank('hourly') }} as provider_rank
    from hourly
    {{ cf_join_window('hourly') }}
),

chosen as (
    select
        in_window.*,
        row_number() over (
            partition by in_window.symbol, in_window.bar_hour
            order by in_window.provider_rank, in_window.provider, in_window.source_rank
        ) as choice
    from in_window
),

numbered as (
    select
        chosen.*,
        row_number() over by_hour as window_number,
        first_value(chosen.bar_hour) over by_hour as window_first_hour,
        lag(chosen.bar_hour) over by_hour as previous_bar_hour,
        lag(chosen.close_price) over by_hour as previous_close_price
    from chosen
    where chosen.choice = 1
    window by_hour as (partition by chosen.symbol order by chosen.bar_hour)
),

final as (
    select
        numbered.symbol,
        numbered.bar_hour,
        numbered.bar_open_at,
        {% if is_incremental() %}
        numbered.window_number + refresh.state_bar_number as bar_number,
        coalesce(refresh.first_bar_hour, numbered.window_first_hour) as first_bar_hour,
        coalesce(numbered.previous_bar_hour, refresh.state_hour) as previous_bar_hour,
        coalesce(numbered.previous_close_price, before_window.close_price) as previous_close_price,
        {% else %}
        numbered.window_number as bar_number,
        numbered.window_first_hour as first_bar_hour,
        numbered.previous_bar_hour,
        numbered.previous_close_price,
        {% endif %}
        numbered.open_price,
        numbered.high_price,
        numbered.low_price,
        numbered.close_price,
        numbered.volume_base,
        coalesce(
            numbered.volume_quote,
            numbered.volume_base
            * ((numbered.high_price + numbered.low_price + numbered.close_price) / 3)
        ) as volume_usd,
        numbered.quote_currency,
        numbered.provider,
        numbered.is_sample
    from numbered
    {% if is_incremental() %}
    inner join {{ windows }} as refresh
        on numbered.symbol = refresh.symbol
    left join {{ this }} as before_window
        on
            refresh.symbol = before_window.symbol
            and refresh.state_hour = before_window.bar_hour
    {% endif %}
)

select * from final
