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
        snapshots.symbol,
        snapshots.circulating_supply as fact_value,
        {{ cf_epoch_hours('snapshots.captured_at') }} as event_hour,
        {{ cf_first_bar_hour('snapshots.available_at') }} as from_hour,
        snapshots.available_at,
        snapshots.loaded_at
    from {{ ref('stg_prices__asset_snapshots') }} as snapshots
    where
        snapshots.circulating_supply > 0
        {{ cf_in_window('snapshots', time_column='available_at', start='state_hour') }} -- noqa: LT02
),

chain_days as (
    select
        facts.symbol,
        facts.fact_value,
        facts.event_hour,
        facts.from_hour,
        facts.available_at,
        facts.loaded_at
    from {{ ref('int_onchain__facts') }} as facts
    where
        facts.metric = 'circulating_supply'
        and facts.fact_value > 0
        {{ cf_in_window('facts', hour_column='from_hour', start='state_hour') }} -- noqa: LT02
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
    from {{ windows }} as refresh
    {{ cf_join_in_order() }} {{ this }} as kept
        on
            refresh.symbol = kept.symbol
            and refresh.state_hour = kept.bar_hour
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
