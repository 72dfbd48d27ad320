{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set max_age_hours = var('onchain_max_age_hours') -%}

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
    {% endif %}
    where facts.metric <> 'circulating_supply'
),

{{ cf_asof_intervals('facts', ['symbol', 'metric']) }},

usable as (
    {{ cf_clipped_intervals('intervals', ['symbol', 'metric']) }}
),

hourly as (
    select
        usable.symbol,
        {{ cf_expanded_hour('usable', 'from_hour') }} as bar_hour,
        usable.metric,
        usable.fact_value
    from usable
    {{ cf_expand_hours('usable', 'from_hour', 'to_hour') }}
),

final as (
    select
        symbol,
        bar_hour,
        max(case when metric = 'active_addresses' then fact_value end) as active_addresses_24h,
        max(case when metric = 'transaction_count' then fact_value end) as transaction_count_24h,
        max(case when metric = 'exchange_net_flow' then fact_value end) as exchange_net_flow_24h,
        max(case when metric = 'mvrv_ratio' then fact_value end) as onchain_mvrv_ratio
    from hourly
    group by symbol, bar_hour
)

select * from final
