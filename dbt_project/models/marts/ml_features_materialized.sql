{{ config(
    materialized='published',
    table_key=['symbol', 'timestamp_iso'],
    table_indexes=[['timestamp_iso']],
) }}

{#- Publishes the tested candidate in one step; docs/decisions/0003-publication.md has the reasons. -#}
-- depends_on: {{ ref('int_refresh__windows') }}
{{- cf_require_catalogue(model.columns) }}
with

final as (
    select
        symbol,
        timestamp_iso,
        open_price,
        high_price,
        low_price,
        current_price,
        hourly_volume,
        volume_24h,
        market_cap,
        price_change_24h,
        price_change_percentage_24h,
        rsi_14,
        sma_20,
        sma_50,
        ema_12,
        ema_26,
        macd_line,
        macd_signal,
        macd_histogram,
        bb_upper,
        bb_middle,
        bb_lower,
        stoch_k,
        stoch_d,
        atr_14,
        vwap,
        price_volatility_7d,
        active_addresses_24h,
        transaction_count_24h,
        exchange_net_flow_24h,
        onchain_mvrv_ratio,
        vix,
        spx,
        dxy,
        tnx,
        fed_funds_rate,
        crypto_sentiment_count,
        avg_cryptobert_score,
        avg_minilm_score,
        avg_vader_score,
        stock_sentiment_count,
        avg_finbert_sentiment_score,
        fear_greed_index,
        general_crypto_sentiment_count,
        avg_general_cryptobert_score,
        avg_general_vader_score,
        social_post_count,
        social_avg_sentiment,
        social_engagement_weighted_sentiment,
        social_verified_user_sentiment,
        social_total_engagement,
        social_unique_authors,
        data_quality_score
    from {{ ref('int_features__candidate') }}
)

select * from final
