{{ config(materialized='table') }}

{#- Rebuilt whole in every run, over the last `health_days` days only: its cost does not grow with
    history. -#}
with

span as (
    select * from {{ ref('int_health__span') }}
),

bars as (
    select * from {{ ref('int_health__bars') }}
),

rejected as (
    select
        refused.source_name,
        refused.table_name,
        {{ cf_floor_div(cf_epoch_hours('refused.loaded_at'), 24) }} as day_number,
        case
            when refused.reason like 'contradicts an earlier row%' then 'refused_duplicates'
            else 'rejected_rows'
        end as check_name,
        refused.reason
    from {{ ref('stg_ingestion__rejected_rows') }} as refused
    cross join span
    where
        refused.loaded_at >= {{ cf_from_epoch_hours('(24 * span.first_day)') }}
        and refused.loaded_at < {{ cf_from_epoch_hours('(span.reference_hour + 1)') }}
),

-- a column is held against its own earlier days: a mean of texts is often absent, a price never
coverage as (
    select
        column_name,
        day_number,
        row_count,
        value_count,
        value_share,
        case
            when earlier_count >= 7
                then greatest(0e0, earlier_share - greatest(2e-1, 3 * earlier_deviation))
        end as lowest_share
    from {{ ref('int_health__coverage') }}
),

checks as (
    select
        check_name,
        subject,
        day_number,
        1e0 * age_hours as measured_value,
        1e0 * max_age_hours as expected_value,
        'hours' as unit,
        case when age_hours <= max_age_hours then 1 else 0 end as ok,
        concat('newest event ', age_hours, ' h old, ', max_age_hours, ' h allowed') as detail
    from {{ ref('int_health__freshness') }}
    union all
    select
        'missing_hours' as check_name,
        symbol as subject,
        day_number,
        1e0 * missing_count as measured_value,
        0e0 as expected_value,
        'bars' as unit,
        case when missing_count = 0 then 1 else 0 end as ok,
        concat(missing_count, ' of ', hour_count, ' hours have no bar') as detail
    from bars
    union all
    select
        'corrected_bars' as check_name,
        symbol as subject,
        day_number,
        1e0 * corrected_count as measured_value,
        0e0 as expected_value,
        'bars' as unit,
        case when corrected_count = 0 then 1 else 0 end as ok,
        concat(corrected_count, ' bars have more than one version') as detail
    from bars
    union all
    select
        check_name,
        symbol as subject,
        day_number,
        1e0 * differing_count as measured_value,
        0e0 as expected_value,
        'bars' as unit,
        case when differing_count = 0 then 1 else 0 end as ok,
        concat(differing_count, ' of ', compared_count, ' bars differ by more than is allowed') as detail
    from {{ ref('int_health__prices') }}
    union all
    select
        check_name,
        subject,
        day_number,
        measured_value,
        limit_value as expected_value,
        case
            when check_name = 'volume_drop' then 'USD per hour'
            when check_name in ('silent_model', 'duplicate_feed') then 'share'
            when check_name = 'flatline' then 'bars'
            else 'per cent'
        end as unit,
        case
            -- a price that moves and stays is news more often than a fault
            when check_name = 'price_jump' then 1
            when check_name in ('volume_drop', 'silent_model') and measured_value < limit_value then 0
            when check_name not in ('volume_drop', 'silent_model') and measured_value > limit_value then 0
            else 1
        end as ok,
        detail
    from {{ ref('int_health__unusual') }}
    union all
    select
        'coverage' as check_name,
        column_name as subject,
        day_number,
        value_share as measured_value,
        lowest_share as expected_value,
        'share' as unit,
        case when value_share < lowest_share then 0 else 1 end as ok,
        concat(value_count, ' of ', row_count, ' rows have a value') as detail
    from coverage
    union all
    select
        check_name,
        concat(source_name, ' ', table_name) as subject,
        day_number,
        1e0 * count(*) as measured_value,
        0e0 as expected_value,
        'rows' as unit,
        0 as ok,
        min(reason) as detail
    from rejected
    group by check_name, source_name, table_name, day_number
),

final as (
    select
        check_name,
        subject,
        cast({{ cf_from_epoch_hours('(24 * day_number)') }} as date) as day,
        measured_value,
        expected_value,
        unit,
        ok = 1 as is_ok,
        detail
    from checks
)

select * from final
