{{ config(materialized='view') }}

{#- Each bar of the span beside the bars of the hours before and after. Two prices are compared by their
    ratio, the greater by the smaller: as far up as down. -#}
{%- set columns = ['bar_hour', 'open_price', 'high_price', 'low_price', 'close_price', 'volume_base'] %}
with

span as (
    select * from {{ ref('int_health__span') }}
),

bars as (
    select
        kept.symbol,
        kept.provider,
        kept.volume_usd,
        -- noqa: disable=LT02
        {% for column in columns %}
        kept.{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        {{ cf_floor_div('kept.bar_hour', 24) }} as day_number
    from {{ ref('int_prices__bars') }} as kept
    cross join span
    where
        kept.bar_hour >= 24 * span.first_day
        {{ cf_window_condition(cf_health_windows(), 'kept', start='first_hour') }} -- noqa: LT02
),

neighbours as (
    select
        bars.*,
        -- noqa: disable=LT02
        {% for column in columns %}
        lag(bars.{{ column }}) over by_hour as previous_{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        lag(bars.bar_hour, 2) over by_hour as earlier_bar_hour,
        lag(bars.close_price, 2) over by_hour as earlier_close_price,
        lead(bars.bar_hour) over by_hour as next_bar_hour,
        lead(bars.close_price) over by_hour as next_close_price
    from bars
    window by_hour as (partition by bars.symbol order by bars.bar_hour)
),

-- a neighbour is the bar of the hour before or after: a move across a hole is nothing sudden
final as (
    select
        symbol,
        day_number,
        bar_hour,
        provider,
        volume_usd,
        -- noqa: disable=LT02
        case
            when previous_bar_hour < bar_hour - 1 or next_bar_hour > bar_hour + 1 then 0e0
            when (close_price - previous_close_price) * (close_price - next_close_price) > 0 then 100 * (
                least(
                    {{ cf_price_ratio('close_price', 'previous_close_price') }},
                    {{ cf_price_ratio('close_price', 'next_close_price') }}
                ) - 1
            )
            else 0e0
        end as spike_pct,
        -- two closes before and two from here on, all of one side above all of the other
        case
            when earlier_bar_hour = bar_hour - 2 and next_bar_hour = bar_hour + 1 then 100 * (greatest(
                1e0,
                least(close_price, next_close_price) / greatest(earlier_close_price, previous_close_price),
                least(earlier_close_price, previous_close_price) / greatest(close_price, next_close_price)
            ) - 1)
            else 0e0
        end as jump_pct,
        -- noqa: enable=LT02
        100 * (greatest(
            high_price / greatest(open_price, close_price),
            least(open_price, close_price) / low_price
        ) - 1) as wick_pct,
        case
            when previous_bar_hour < bar_hour - 1 or close_price <> previous_close_price then 0
            when high_price = low_price then 1
            when
                open_price = previous_open_price
                and high_price = previous_high_price
                and low_price = previous_low_price
                and volume_base = previous_volume_base
                then 1
            else 0
        end as is_flat,
        case when volume_base = previous_volume_base then 1 else 0 end as is_same_volume
    from neighbours
)

select * from final
