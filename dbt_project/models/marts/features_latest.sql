{{ config(materialized='view') }}

{#- A view on the published mart: it is there whenever the mart is, and shows what the mart shows. The columns
    are those of the mart's contract. -#}
{%- set mart_node = graph.nodes['model.crypto_features.ml_features_materialized'] if execute else {} %}
{%- set closes_at = cf_epoch_hours('features.timestamp_iso') ~ ' + 1' %}
with

-- grouped twice, as in cf_bar_spans: one look into the key per symbol
newest as (
    select
        by_symbol.symbol,
        max(by_symbol.timestamp_iso) as timestamp_iso
    from (
        select
            features.symbol,
            max(features.timestamp_iso) as timestamp_iso
        from {{ ref('ml_features_materialized') }} as features
        group by features.symbol
    ) as by_symbol
    group by by_symbol.symbol
),

final as (
    select
        -- noqa: disable=LT02
        {% for column in mart_node.get('columns', {}) %}
        features.{{ column }},
        {% endfor %}
        -- noqa: enable=LT02
        {{ cf_epoch_hours(cf_utc_now()) }} - ({{ closes_at }}) as age_hours
    from newest
    inner join {{ ref('ml_features_materialized') }} as features
        on
            newest.symbol = features.symbol
            and newest.timestamp_iso = features.timestamp_iso
)

select * from final
