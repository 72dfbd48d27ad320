-- Every stored bar has exactly one mart row and every mart row a bar. In a batch run: those of the hours
-- this run wrote. Fails with the key and the number of rows on each side.
with

scope as (
    {% if var('test_scope', 'all') == 'batch' %}
    select min(refresh_from_hour) as from_hour from {{ ref('int_refresh__windows') }}
    {% else %}
    select 0 as from_hour
    {% endif %}
),

both_sides as (
    select
        bars.symbol,
        bars.bar_open_at,
        1 as bar_count,
        0 as mart_count
    from {{ ref('int_prices__bars') }} as bars
    cross join scope
    where bars.bar_hour >= scope.from_hour
    union all
    select
        mart.symbol,
        mart.timestamp_iso as bar_open_at,
        0 as bar_count,
        1 as mart_count
    from {{ ref('ml_features_materialized') }} as mart
    cross join scope
    where mart.timestamp_iso >= {{ cf_from_epoch_hours('scope.from_hour') }}
)

select
    symbol,
    bar_open_at,
    sum(bar_count) as bar_count,
    sum(mart_count) as mart_count
from both_sides
group by symbol, bar_open_at
having sum(bar_count) <> 1 or sum(mart_count) <> 1
