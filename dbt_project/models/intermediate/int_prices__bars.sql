{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    table_indexes=[['symbol', 'bar_number']],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set windows = ref('int_refresh__windows') %}

with

hourly as (
    select
        bars.symbol,
        {{ cf_epoch_hours('bars.bar_open_at') }} as bar_hour,
        bars.bar_open_at,
        bars.open_price,
        bars.high_price,
        bars.low_price,
        bars.close_price,
        bars.volume_base,
        bars.volume_quote,
        bars.provider,
        bars.is_sample,
        case bars.provider
            {% for provider in var('price_providers') %}
            when '{{ provider }}' then {{ loop.index }}
            {% endfor %}
            else 99
        end as provider_rank
    from {{ ref('stg_prices__bars') }} as bars
    where
        bars.interval_minutes = 60
        {{ cf_in_window('bars', time_column='bar_open_at') }} -- noqa: LT02
),

in_window as (
    select hourly.*
    from hourly
    {{ cf_join_window('hourly') }}
),

chosen as (
    select
        in_window.*,
        row_number() over (
            partition by in_window.symbol, in_window.bar_hour
            order by in_window.provider_rank, in_window.provider
        ) as choice
    from in_window
),

numbered as (
    select
        chosen.symbol,
        chosen.bar_hour,
        chosen.bar_open_at,
        chosen.open_price,
        chosen.high_price,
        chosen.low_price,
        chosen.close_price,
        chosen.volume_base,
        chosen.volume_quote,
        chosen.provider,
        chosen.is_sample,
        row_number() over by_hour as window_number,
        first_value(chosen.bar_hour) over by_hour as window_first_hour
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
        {% else %}
        numbered.window_number as bar_number,
        numbered.window_first_hour as first_bar_hour,
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
        numbered.provider,
        numbered.is_sample
    from numbered
    {% if is_incremental() %}
    inner join {{ windows }} as refresh
        on numbered.symbol = refresh.symbol
    {% endif %}
)

select * from final
