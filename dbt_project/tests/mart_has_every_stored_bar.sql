-- Every stored bar has a mart row and every mart row a bar. In a batch run: those of the hours this run
-- wrote. Fails with the rows that have no partner; that a row stands once is tested with each table.
{%- set in_batch = var('test_scope', 'all') == 'batch' %}
{%- set windows = ref('int_refresh__windows') %}

with

bars_alone as (
    select
        bars.symbol,
        bars.bar_open_at,
        'no mart row' as missing
    from {{ ref('int_prices__bars') }} as bars
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            bars.symbol = refresh.symbol
            and bars.bar_hour >= refresh.refresh_from_hour
            {{ cf_window_condition(windows, 'bars') }}
    {% endif %}
    left join {{ ref('ml_features_materialized') }} as mart
        on
            bars.symbol = mart.symbol
            and bars.bar_open_at = mart.timestamp_iso
    where mart.symbol is null
),

rows_alone as (
    select
        mart.symbol,
        mart.timestamp_iso as bar_open_at,
        'no bar' as missing
    from {{ ref('ml_features_materialized') }} as mart
    {% if in_batch %}
    inner join {{ windows }} as refresh
        on
            mart.symbol = refresh.symbol
            and mart.timestamp_iso >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
            {{ cf_window_condition(windows, 'mart', time_column='timestamp_iso') }}
    {% endif %}
    -- by the hour, which the table's key holds
    left join {{ ref('int_prices__bars') }} as bars
        on
            mart.symbol = bars.symbol
            and {{ cf_epoch_hours('mart.timestamp_iso') }} = bars.bar_hour
    where bars.symbol is null
)

select * from bars_alone
union all
select * from rows_alone
