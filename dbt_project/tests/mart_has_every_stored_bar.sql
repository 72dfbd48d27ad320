-- Every stored bar has exactly one mart row and every mart row a bar. In a batch run: those of the hours
-- this run wrote. Fails {%- set in_batch = var('test_scope', 'all') == 'batch' %}
{%- set windows = ref('int_refresh__windows') %}

with

both_sides as (
    select
        bars.symbol,
        bars.bar_open_at,
        1 as bar_count,
        0 as mart_count
    from {{ ref('int_prices__bars') }} as bars
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            bars.symbol = refresh.symbol
            and bars.bar_hour >= refresh.refresh_from_hour
            {{ cf_window_condition(windows, 'bars') }}
    {% endif %}
    union all
    select
        mart.symbol,
        mart.timestamp_iso as bar_open_at,
        0 as bar_count,
        1 as mart_count
    from {{ ref('ml_features_materialized') }} as mart
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            mart.symbol = refresh.symbol
            and mart.timestamp_iso >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
            {{ cf_window_condition(windows, 'mart', time_column='timestamp_iso') }}
    {% endif %}
)

select
    symbol,
    bar_open_at,
    sum(bar_count) as bar_count,
    sum(mart_count) as mart_count
from both_sides
group by symbol, bar_open_at
having sum(bar_count) <> 1 or sum(mart_count) <> 1
