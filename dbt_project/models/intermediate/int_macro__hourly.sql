{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['bar_hour'],
    pre_hook='{{ cf_clear_market() }}',
) }}

{%- set columns = var('macro_columns') -%}
{%- set providers = var('macro_providers') -%}
{%- set longest_age_days = columns.values() | map(attribute='max_age_days') | max -%}

with

observations as (
    select
        series_id,
        observation_value,
        available_at,
        loaded_at,
        {{ cf_epoch_hours(cf_day_start('observation_date')) }} as event_hour,
        case provider
            {% for provider in providers %}
            when '{{ provider }}' then {{ loop.index }}
            {% endfor %}
            else {{ providers | length + 1 }}
        end as provider_rank
    from {{ ref('stg_macro__observations') }}
    where series_id in (
        -- noqa: disable=LT02
        {% for name, column in columns.items() %}
        '{{ column.series }}'{{ ', ' if not loop.last }}
        {% endfor %}
    )
),

-- once a provider has an observation, nothing that a worse one says of it later counts
ranked as (
    select
        series_id,
        observation_value,
        available_at,
        loaded_at,
        event_hour,
        provider_rank,
        min(provider_rank) over (
            partition by series_id, event_hour
            order by available_at, provider_rank
            rows between unbounded preceding and current row
        ) as best_rank
    from observations
    where event_hour >= {{ cf_market_floor() }} - 24 * {{ longest_age_days }}
),

facts as (
    select
        series_id,
        event_hour,
        {{ cf_first_bar_hour('available_at') }} as from_hour,
        event_hour + 24 * case series_id
            {% for name, column in columns.items() %}
            when '{{ column.series }}' then {{ column.max_age_days }}
            {% endfor %}
        end as until_hour,
        available_at,
        loaded_at,
        observation_value as fact_value
    from ranked
    where provider_rank = best_rank
),

{{ cf_asof_intervals('facts', ['series_id']) }},

usable as (
    {{ cf_clipped_intervals('intervals', ['series_id'], by_symbol=false) }}
),

hourly as (
    select
        {{ cf_expanded_hour('usable', 'from_hour') }} as bar_hour,
        usable.series_id,
        usable.fact_value
    from usable
    {{ cf_expand_hours('usable', 'from_hour', 'to_hour') }}
),

final as (
    select
        bar_hour,
        {% for name, column in columns.items() %}
        max(case when series_id = '{{ column.series }}' then fact_value end)
            as {{ name }}{{ ',' if not loop.last }}
        {% endfor %}
    from hourly
    group by bar_hour
)

select * from final
