{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'metric', 'day', 'available_at'],
    table_indexes=[['symbol', 'event_hour'], ['symbol', 'from_hour']],
    pre_hook="{{ cf_clear_window('from_hour') }}",
) }}

{#- A day is complete at its end; its age counts from there. A new version of one flow makes a net flow with
    the other's, however old that is: the days touched are read whole, and written from the window on. -#}
{%- set facts = var('onchain_facts') %}
{%- set own = facts.keys() | reject('in', ['exchange_inflow', 'exchange_outflow']) | list %}

with

{% if is_incremental() %}
touched as (
    select distinct
        landed.symbol,
        landed.day
    from {{ ref('stg_onchain__metrics') }} as landed
    inner join {{ ref('int_refresh__windows') }} as refresh
        on
            landed.symbol = refresh.symbol
            and landed.available_at >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
            {{ cf_in_window('landed', time_column='available_at') }}
),

{% endif %}
metrics as (
    select
        landed.symbol,
        landed.provider,
        landed.metric,
        landed.day,
        landed.metric_value,
        landed.available_at,
        landed.loaded_at
    {% if is_incremental() %}
    from touched
    {{ cf_join_in_order() }} {{ ref('stg_onchain__metrics') }} as landed
        on
            touched.symbol = landed.symbol
            and touched.day = landed.day
    {% else %}
    from {{ ref('stg_onchain__metrics') }} as landed
    {% endif %}
),

{{ cf_net_flows('metrics', facts.exchange_inflow, facts.exchange_outflow) }},

named as (
    {% for name in own %}
    select
        symbol,
        '{{ name }}' as metric,
        day,
        metric_value,
        available_at,
        loaded_at
    from metrics
    where
        provider = '{{ facts[name].provider }}'
        and metric = '{{ facts[name].metric }}'
    union all
    {% endfor %}
    select
        symbol,
        'exchange_net_flow' as metric,
        day,
        metric_value,
        available_at,
        loaded_at
    from net_flows
    where choice = 1
),

timed as (
    select
        symbol,
        metric,
        day,
        metric_value as fact_value,
        {{ cf_epoch_hours(cf_day_start('day')) }} + 24 as event_hour,
        {{ cf_first_bar_hour('available_at') }} as from_hour,
        available_at,
        loaded_at
    from named
),

final as (
    select timed.*
    from timed
    {{ cf_join_window('timed', hour='timed.from_hour') }}
)

select * from final
