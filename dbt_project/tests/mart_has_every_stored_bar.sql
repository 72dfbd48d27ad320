-- Every stored bar has exactly one mart row and every mart row a bar. In a batch run: those of the hours
-- this run wrote. Where primary keys say that a row stands once, its partner is looked up by key.
{%- set in_batch = var('test_scope', 'all') == 'batch' %}
{%- set windows = ref('int_refresh__windows') %}
{%- set stored_bars = ref('int_prices__bars') %}
{%- set stored_mart = ref('ml_features_materialized') %}
{%- set is_keyed = cf_key_proves(stored_bars, ['symbol', 'bar_hour'])
    and cf_key_proves(stored_mart, ['symbol', 'timestamp_iso']) %}

with

bars as (
    select
        kept.symbol,
        kept.bar_open_at,
        kept.bar_hour
    from {{ stored_bars }} as kept
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            kept.symbol = refresh.symbol
            and kept.bar_hour >= refresh.refresh_from_hour
            {{ cf_window_condition(windows, 'kept') }}
    {% endif %}
),

mart as (
    select
        kept.symbol,
        kept.timestamp_iso as bar_open_at,
        {{ cf_epoch_hours('kept.timestamp_iso') }} as bar_hour
    from {{ stored_mart }} as kept
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            kept.symbol = refresh.symbol
            and kept.timestamp_iso >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
            {{ cf_window_condition(windows, 'kept', time_column='timestamp_iso') }}
    {% endif %}
),

counted as (
    {% if is_keyed %}
    select
        bars.symbol,
        bars.bar_open_at,
        1 as bar_count,
        0 as mart_count
    from bars
    left join mart
        on
            bars.symbol = mart.symbol
            and bars.bar_open_at = mart.bar_open_at
    where mart.symbol is null
    union all
    select
        mart.symbol,
        mart.bar_open_at,
        0 as bar_count,
        1 as mart_count
    from mart
    left join bars
        on
            mart.symbol = bars.symbol
            and mart.bar_hour = bars.bar_hour
            and mart.bar_open_at = bars.bar_open_at
    where bars.symbol is null
    {% else %}
    select
        both_sides.symbol,
        both_sides.bar_open_at,
        sum(both_sides.bar_count) as bar_count,
        sum(both_sides.mart_count) as mart_count
    from (
        select
            symbol,
            bar_open_at,
            1 as bar_count,
            0 as mart_count
        from bars
        union all
        select
            symbol,
            bar_open_at,
            0 as bar_count,
            1 as mart_count
        from mart
    ) as both_sides
    group by both_sides.symbol, both_sides.bar_open_at
    {% endif %}
)

select
    symbol,
    bar_open_at,
    bar_count,
    mart_count
from counted
where bar_count <> 1 or mart_count <> 1
