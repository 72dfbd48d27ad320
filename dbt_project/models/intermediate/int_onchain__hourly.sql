{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set max_age_hours = var('onchain_max_age_hours') -%}

{%- set columns = {
    'active_addresses': 'active_addresses_24h',
    'transaction_count': 'transaction_count_24h',
    'exchange_net_flow': 'exchange_net_flow_24h',
    'mvrv_ratio': 'onchain_mvrv_ratio',
} -%}
{%- set windows = ref('int_refresh__windows') %}

with

facts as (
    select
        facts.symbol,
        facts.metric,
        facts.event_hour,
        facts.from_hour,
        facts.event_hour + {{ max_age_hours }} as until_hour,
        facts.available_at,
        facts.loaded_at,
        facts.fact_value
    from {{ ref('int_onchain__facts') }} as facts
    {% if is_incremental() %}
    inner join {{ windows }} as refresh
        on
            facts.symbol = refresh.symbol
            and facts.event_hour >= refresh.refresh_from_hour - {{ max_age_hours }}
            {{ cf_in_window('facts', hour_column='event_hour', hours_before=max_age_hours) }}
    {% endif %}
    where facts.metric <> 'circulating_supply'
),

{{ cf_asof_intervals('facts', ['symbol', 'metric']) }},

usable as (
    {{ cf_clipped_intervals('intervals', ['symbol', 'metric']) }}
),

{{ cf_stretches('usable', columns) }},

final as (
    select
        stretches.symbol,
        -- noqa: disable=LT02
        {% for column in columns.values() %}
        stretches.{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        {{ cf_expanded_hour('stretches', 'from_hour') }} as bar_hour
    from stretches
    {{ cf_expand_hours('stretches', 'from_hour', 'to_hour') }}
    where
        -- noqa: disable=LT02
        {% for column in columns.values() %}
        {{ 'or ' if not loop.first }}stretches.{{ column }} is not null
        {% endfor %}
        -- noqa: enable=LT02
)

select * from final
