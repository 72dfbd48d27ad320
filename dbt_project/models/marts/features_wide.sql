{{ config(materialized='view') }}

{#- One column per measure and major coin, for charts that hold coins against each other. Grouped by hour, not
    joined to one coin's hours: an hour that this coin misses has a row all the same. -#}
{%- set measures = {
    'price': 'current_price', 'change_24h_pct': 'price_change_percentage_24h', 'volume_24h': 'volume_24h',
    'rsi_14': 'rsi_14', 'news_sentiment': 'avg_vader_score',
} %}
{%- set market = [
    'vix', 'spx', 'dxy', 'tnx', 'fed_funds_rate', 'fear_greed_index', 'general_crypto_sentiment_count',
    'avg_general_cryptobert_score', 'avg_general_vader_score',
] %}
with

final as (
    -- noqa: disable=LT02,LT05
    select
        features.timestamp_iso,
        {% for symbol in var('wide_symbols') %}
        {% for name, column in measures.items() %}
        max(case when features.symbol = '{{ symbol }}' then features.{{ column }} end) as {{ symbol | lower }}_{{ name }},
        {% endfor %}
        {% endfor %}
        {% for column in market %}
        max(features.{{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {% endfor %}
    from {{ ref('ml_features_materialized') }} as features
    where features.symbol in ('{{ var("wide_symbols") | join("', '") }}')
    group by features.timestamp_iso
)

select * from final
