{{ config(materialized='table', table_key=['symbol']) }}

{#- A symbol's recursive indicators are seeded by its first 34 bars: a change that early starts it anew. -#}
{%- set stored_bars = cf_carried_state('int_prices__bars') if cf_keeps_state() else none -%}

with

changes as (
    select
        raw_table,
        symbol,
        from_hour
    from {{ ref('int_refresh__changes') }}
),

assets as (
    select symbol from {{ ref('assets') }}
),

market_wide as (
    select min(from_hour) as from_hour
    from changes
    where symbol is null
),

own as (
    select
        symbol,
        min(from_hour) as from_hour
    from changes
    where symbol is not null
    group by symbol
),

earliest as (
    select
        assets.symbol,
        case
            when own.from_hour is null then market_wide.from_hour
            when market_wide.from_hour < own.from_hour then market_wide.from_hour
            else own.from_hour
        end as from_hour
    from assets
    cross join market_wide
    left join own
        on assets.symbol = own.symbol
),

{% if stored_bars is not none %}
early_bars as (
    select
        first_bars.symbol,
        seed_bars.bar_hour as seeded_hour
    from assets
    inner join {{ stored_bars }} as first_bars
        on
            assets.symbol = first_bars.symbol
            and first_bars.bar_number = 1
    left join {{ stored_bars }} as seed_bars
        on
            assets.symbol = seed_bars.symbol
            and seed_bars.bar_number = 34
),

new_bars as (
    select distinct symbol
    from changes
    where raw_table = 'price_bars'
),

-- a symbol without any bar has nothing to build, whatever is new in the market
starts as (
    select
        earliest.symbol,
        case when earliest.from_hour > early_bars.seeded_hour then earliest.from_hour else 0 end
            as refresh_from_hour
    from earliest
    left join early_bars
        on earliest.symbol = early_bars.symbol
    left join new_bars
        on earliest.symbol = new_bars.symbol
    where
        earliest.from_hour is not null
        and (early_bars.symbol is not null or new_bars.symbol is not null)
),

last_kept as (
    select
        starts.symbol,
        -- the last row before the window: read backwards from it, not searched for in the history, which MySQL
        -- does where the order does not name the whole key
        (
            select kept.bar_hour
            from {{ stored_bars }} as kept
            where
                kept.symbol = starts.symbol
                and kept.bar_hour < starts.refresh_from_hour
            order by kept.symbol desc, kept.bar_hour desc
            limit 1
        ) as bar_hour
    from starts
),

final as (
    select
        starts.symbol,
        starts.refresh_from_hour,
        kept.bar_hour as state_hour,
        coalesce(kept.bar_number, 0) as state_bar_number,
        kept.first_bar_hour
    from starts
    left join last_kept
        on starts.symbol = last_kept.symbol
    left join {{ stored_bars }} as kept
        on
            last_kept.symbol = kept.symbol
            and last_kept.bar_hour = kept.bar_hour
)
{% else %}
final as (
    select
        symbol,
        0 as refresh_from_hour,
        {{ cf_null_bigint() }} as state_hour,
        0 as state_bar_number,
        {{ cf_null_bigint() }} as first_bar_hour
    from earliest
    where from_hour is not null
)
{% endif %}

select * from final
