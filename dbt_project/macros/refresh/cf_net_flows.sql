{#- CTEs that put a net flow together from its two halves.
    Args: metrics (CTE with symbol, provider, metric, day, metric_value, available_at, loaded_at), inflow and outflow
    (mappings with provider and metric).
    Gives the CTE `net_flows`: symbol, day, metric_value, available_at, loaded_at, choice (1 for the pair that counts).
    A restated half meets the version of the other that was current then. -#}
{% macro cf_net_flows(metrics, inflow, outflow) -%}
    flow_pairs as (
        select
            inflow.symbol,
            inflow.day,
            inflow.metric_value - outflow.metric_value as metric_value,
            greatest(inflow.available_at, outflow.available_at) as available_at,
            greatest(inflow.loaded_at, outflow.loaded_at) as loaded_at,
            inflow.available_at as inflow_available_at,
            outflow.available_at as outflow_available_at
        from {{ metrics }} as inflow
        inner join {{ metrics }} as outflow
            on
                inflow.symbol = outflow.symbol
                and inflow.day = outflow.day
                and outflow.provider = '{{ outflow.provider }}'
                and outflow.metric = '{{ outflow.metric }}'
        where
            inflow.provider = '{{ inflow.provider }}'
            and inflow.metric = '{{ inflow.metric }}'
    ),

    net_flows as (
        select
            symbol,
            day,
            metric_value,
            available_at,
            loaded_at,
            row_number() over (
                partition by symbol, day, available_at
                order by inflow_available_at desc, outflow_available_at desc
            ) as choice
        from flow_pairs
    )
{%- endmacro %}
