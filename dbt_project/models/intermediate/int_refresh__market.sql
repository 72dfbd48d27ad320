{{ config(materialized='table') }}

{%- set stored_bars = cf_carried_state('int_prices__bars') if cf_keeps_state() else none %}

with

changes as (
    select min(from_hour) as from_hour
    from {{ ref('int_refresh__changes') }}
    where symbol is null
),

{% if stored_bars is not none %}
-- market-wide models reach up to the newest bar: hours after it were not written yet
written as (
    select coalesce(max(newest.bar_hour) + 1, 0) as until_hour
    from (
        select max(bar_hour) as bar_hour
        from {{ stored_bars }}
        group by symbol
    ) as newest
),
{% else %}
written as (
    select 0 as until_hour
),
{% endif %}

final as (
    select
        case when changes.from_hour < written.until_hour then changes.from_hour else written.until_hour end
            as refresh_from_hour
    from changes
    cross join written
)

select * from final
