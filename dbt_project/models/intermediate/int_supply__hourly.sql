{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{#- The latest supply holds until the next one: no age limit, so the state is the last stored hour. -#}

{%- set windows = ref('int_refresh__windows') %}

with

snapshots as (
    select
        symbol,
        circulating_supply as fact_value,
        {{ cf_epoch_hours('captured_at') }} as event_hour,
        {{ cf_first_bar_hour('available_at') }} as from_hour,
        available_at,
        loaded_at
    from {{ ref('stg_prices__asset_snapshots') }}
    where circulating_supply > 0
),

chain_days as (
    select
        symbol,
        fact_value,
        event_hour,
        from_hour,
        available_at,
        loaded_at
    from {{ ref('int_onchain__facts') }}
    where metric = 'circulating_supply' and fact_value > 0
),

both_sources as (
    select * from snapshots
    union all
    select * from chain_days
),

facts as (
    select
        both_sources.symbol,
        both_sources.event_hour,
        both_sources.from_hour,
        {{ cf_horizon() }} as until_hour,
        both_sources.available_at,
        both_sources.loaded_at,
        both_sources.fact_value
    from both_sources
    {% if is_incremental() %}
    inner join {{ windows }} as refresh
        on
            both_sources.symbol = refresh.symbol
            and both_sources.from_hour > coalesce(refresh.state_hour, -1)
    union all
    select
        kept.symbol,
        kept.event_hour,
        kept.bar_hour as from_hour,
        {{ cf_horizon() }} as until_hour,
        {{ cf_from_epoch_hours('kept.event_hour') }} as available_at,
        {{ cf_from_epoch_hours('kept.event_hour') }} as loaded_at,
        kept.circulating_supply as fact_value
    from {{ this }} as kept
    inner join {{ windows }} as refresh
        on
            kept.symbol = refresh.symbol
            and kept.bar_hour = refresh.state_hour
    {% endif %}
),

{{ cf_asof_intervals('facts', ['symbol']) }},

usable as (
    {{ cf_clipped_intervals('intervals', ['symbol']) }}
),

final as (
    select
        usable.symbol,
        {{ cf_expanded_hour('usable', 'from_hour') }} as bar_hour,
        usable.event_hour,
        usable.fact_value as circulating_supply
    from usable
    {{ cf_expand_hours('usable', 'from_hour', 'to_hour') }}
)

select * from final
