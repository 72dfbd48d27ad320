{{ config(materialized='view') }}

{#- A day is complete at its end; its age counts from there. -#}
with

metrics as (
    select
        symbol,
        metric,
        day,
        metric_value,
        available_at,
        loaded_at
    from {{ ref('stg_onchain__metrics') }}
),

flow_pairs as (
    select
        inflow.symbol,
        inflow.day,
        inflow.metric_value - outflow.metric_value as metric_value,
        case
            when inflow.available_at > outflow.available_at then inflow.available_at
            else outflow.available_at
        end as available_at,
        case
            when inflow.loaded_at > outflow.loaded_at then inflow.loaded_at
            else outflow.loaded_at
        end as loaded_at,
        inflow.available_at as inflow_available_at,
        outflow.available_at as outflow_available_at
    from metrics as inflow
    inner join metrics as outflow
        on
            inflow.symbol = outflow.symbol
            and inflow.day = outflow.day
            and outflow.metric = 'FlowOutExUSD'
    where inflow.metric = 'FlowInExUSD'
),

-- a restated flow meets the version of the other that was current then
net_flows as (
    select
        symbol,
        'exchange_net_flow' as metric,
        day,
        metric_value,
        available_at,
        loaded_at,
        row_number() over (
            partition by symbol, day, available_at
            order by inflow_available_at desc, outflow_available_at desc
        ) as choice
    from flow_pairs
),

named as (
    select
        symbol,
        case metric
            when 'AdrActCnt' then 'active_addresses'
            when 'TxCnt' then 'transaction_count'
            when 'CapMVRVCur' then 'mvrv_ratio'
            when 'SplyCur' then 'circulating_supply'
        end as metric,
        day,
        metric_value,
        available_at,
        loaded_at
    from metrics
    where metric in ('AdrActCnt', 'TxCnt', 'CapMVRVCur', 'SplyCur')
    union all
    select
        symbol,
        metric,
        day,
        metric_value,
        available_at,
        loaded_at
    from net_flows
    where choice = 1
),

final as (
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
)

select * from final
