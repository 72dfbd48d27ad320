{#- Weighted share of a row's feature groups that are present and fresh. A group is [weight, columns]; a
    column counts when it is not NULL (a measured 0 is present, a stale value was made NULL before). The
    weights add up to 100 and every step is a multiple of 0.25, so two decimals hold it exactly. -#}
{% macro cf_quality_score() -%}
    {%- set groups = [
        [30, ['current_price', 'volume_24h', 'market_cap', 'price_change_24h']],
        [30, ['rsi_14', 'sma_50', 'macd_signal', 'bb_upper', 'stoch_k', 'atr_14', 'vwap',
              'price_volatility_7d']],
        [10, ['active_addresses_24h', 'transaction_count_24h', 'exchange_net_flow_24h',
              'onchain_mvrv_ratio']],
        [10, ['vix', 'spx', 'dxy', 'tnx', 'fed_funds_rate']],
        [15, ['crypto_sentiment_count', 'stock_sentiment_count', 'general_crypto_sentiment_count',
              'fear_greed_index']],
        [5, ['social_post_count']],
    ] -%}
    cast(
        {%- for weight, columns in groups %}
        {{ '+ ' if not loop.first }}{{ weight }} * (
            {%- for column in columns %}
            {{ '+ ' if not loop.first }}case when {{ column }} is null then 0e0 else 1e0 end
            {%- endfor %}
        ) / {{ columns | length }}
        {%- endfor %}
        as decimal(5, 2)
    )
{%- endmacro %}
