{{ config(materialized='table', table_key=['symbol', 'day_number']) }}

{#- What a day's bars look like, for the checks that hold a day against the symbol's other days. -#}
{%- set kinds = ['spike', 'wick', 'jump'] %}
with

moves as (
    select * from {{ ref('int_health__bar_moves') }}
),

ranked as (
    select
        moves.*,
        row_number() over (
            partition by moves.symbol, moves.day_number order by moves.spike_pct desc, moves.bar_hour asc
        ) as spike_rank,
        row_number() over (
            partition by moves.symbol, moves.day_number order by moves.wick_pct desc, moves.bar_hour asc
        ) as wick_rank,
        row_number() over (
            partition by moves.symbol, moves.day_number order by moves.jump_pct desc, moves.bar_hour asc
        ) as jump_rank
    from moves
),

final as (
    select
        symbol,
        day_number,
        count(*) as bar_count,
        avg(volume_usd) as hourly_volume,
        sum(is_flat) as flat_count,
        sum(is_flat * is_same_volume) as repeated_count,
        -- noqa: disable=LT02
        {% for move in kinds %}
        max({{ move }}_pct) as {{ move }}_pct,
        max(case when {{ move }}_rank = 1 then bar_hour end) - 24 * day_number as {{ move }}_hour,
        max(case when {{ move }}_rank = 1 then provider end) as {{ move }}_provider{{ ',' if not loop.last }}
        {% endfor %}
    from ranked
    group by symbol, day_number
)

select * from final
