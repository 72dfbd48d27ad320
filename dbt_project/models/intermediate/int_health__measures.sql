{{ config(materialized='table', table_key=['check_name', 'subject', 'day_number']) }}

{#- The measurements that are held against the same subject's other days; a day with too little to measure
    has no row, so that it neither gets a verdict nor counts in another day's. -#}
{%- set limits = var('health_limits') %}
with

days as (
    select * from {{ ref('int_health__bar_days') }}
),

-- a model that has scored nothing in the span was never switched on, or freshness reports it
active_models as (
    select model_role
    from {{ ref('int_health__scoring_days') }}
    group by model_role
    having sum(scored_count) > 0
),

final as (
    {% for kind in ['spike', 'wick', 'jump'] %}
    select
        'price_{{ kind }}' as check_name,
        symbol as subject,
        day_number,
        {{ kind }}_pct as measured_value,
        bar_count as sample_count,
        concat('largest of the day at ', {{ kind }}_hour, ' h UTC, bar of ', {{ kind }}_provider) as detail
    from days
    union all
    {% endfor %}
    select
        'flatline' as check_name,
        symbol as subject,
        day_number,
        1e0 * flat_count as measured_value,
        bar_count as sample_count,
        concat(
            flat_count, ' of ', bar_count, ' bars did not move, ',
            repeated_count, ' with the volume of the bar before'
        ) as detail
    from days
    union all
    select
        'volume_drop' as check_name,
        days.symbol as subject,
        days.day_number,
        days.hourly_volume as measured_value,
        days.bar_count as sample_count,
        concat('mean of ', days.bar_count, ' bars') as detail
    from days
    where
        days.bar_count >= {{ limits.volume_drop.least_bars }}
        and days.hourly_volume is not null
        -- a day that is not over has yet to trade
        and 24 * (days.day_number + 1) <= {{ cf_horizon() }}
    union all
    select
        'silent_model' as check_name,
        scored.model_role as subject,
        scored.day_number,
        1e0 * scored.scored_count / scored.collected_count as measured_value,
        scored.collected_count as sample_count,
        concat(scored.scored_count, ' of ', scored.collected_count, ' texts are scored') as detail
    from {{ ref('int_health__scoring_days') }} as scored
    inner join active_models
        on scored.model_role = active_models.model_role
    where scored.collected_count >= {{ limits.silent_model.least_texts }}
    union all
    select
        'duplicate_feed' as check_name,
        feed as subject,
        day_number,
        1e0 * copy_count / article_count as measured_value,
        article_count as sample_count,
        concat(copy_count, ' of ', article_count, ' articles stood in another feed before: ', an_origin)
            as detail
    from {{ ref('int_health__feed_days') }}
    where article_count >= {{ limits.duplicate_feed.least_texts }}
)

select * from final
