{{ config(
    materialized='table',
    schema='marts_next',
    columns_of='ml_features_materialized',
    table_key=['symbol', 'timestamp_iso'],
    table_indexes=[['timestamp_iso']],
    post_hook='{{ cf_mark_candidate(this) }}',
) }}

{#- What the mart is about to become: all of it, or the rows of the refresh windows. Its tests run here,
    before any reader sees a row; `ml_features_materialized` publishes it. -#}

with

bars as (
    select kept.*
    from {{ ref('int_prices__bars') }} as kept
    {{ cf_join_window('kept', is_stored=true) }}
),

started as (
    select * from {{ ref('int_sentiment__collection_start') }}
),

features as (
    select
        bars.symbol,
        bars.bar_open_at as timestamp_iso,
        bars.open_price,
        bars.high_price,
        bars.low_price,
        bars.close_price as current_price,
        bars.volume_usd as hourly_volume,
        technical.volume_24h,
        bars.close_price * supply.circulating_supply as market_cap,
        technical.price_change_24h,
        technical.price_change_percentage_24h,
        technical.rsi_14,
        technical.sma_20,
        technical.sma_50,
        technical.ema_12,
        technical.ema_26,
        technical.macd_line,
        technical.macd_signal,
        technical.macd_histogram,
        technical.bb_upper,
        technical.bb_middle,
        technical.bb_lower,
        technical.stoch_k,
        technical.stoch_d,
        technical.atr_14,
        technical.vwap,
        technical.price_volatility_7d,
        chain.active_addresses_24h,
        chain.transaction_count_24h,
        chain.exchange_net_flow_24h,
        chain.onchain_mvrv_ratio,
        macro.vix,
        macro.spx,
        macro.dxy,
        macro.tnx,
        macro.fed_funds_rate,
        {{ cf_bigint(
            'case when bars.bar_hour >= started.crypto_from_hour'
            ~ ' then coalesce(coin_news.article_count, 0) end'
        ) }} as crypto_sentiment_count,
        coin_news.avg_cryptobert_score,
        coin_news.avg_minilm_score,
        coin_news.avg_vader_score,
        {{ cf_bigint(
            'case when bars.bar_hour >= started.market_from_hour'
            ~ ' then coalesce(market_news.market_article_count, 0) end'
        ) }} as stock_sentiment_count,
        market_news.avg_finbert_score as avg_finbert_sentiment_score,
        macro.fear_greed_index,
        {{ cf_bigint(
            'case when bars.bar_hour >= started.crypto_from_hour'
            ~ ' then coalesce(market_news.general_article_count, 0) end'
        ) }} as general_crypto_sentiment_count,
        market_news.avg_cryptobert_score as avg_general_cryptobert_score,
        market_news.avg_vader_score as avg_general_vader_score,
        {{ cf_bigint(
            'case when bars.bar_hour >= started.social_from_hour'
            ~ ' then coalesce(social.post_count, 0) end'
        ) }} as social_post_count,
        social.avg_sentiment as social_avg_sentiment,
        social.engagement_weighted_sentiment as social_engagement_weighted_sentiment,
        social.verified_user_sentiment as social_verified_user_sentiment,
        {{ cf_bigint('social.total_engagement') }} as social_total_engagement,
        {{ cf_bigint(
            'case when bars.bar_hour >= started.social_from_hour'
            ~ ' then coalesce(social.unique_authors, 0) end'
        ) }} as social_unique_authors
    from bars
    cross join started
    left join {{ ref('technical_indicators') }} as technical
        on
            bars.symbol = technical.symbol
            and bars.bar_hour = technical.bar_hour
    left join {{ ref('int_supply__hourly') }} as supply
        on
            bars.symbol = supply.symbol
            and bars.bar_hour = supply.bar_hour
    left join {{ ref('int_onchain__hourly') }} as chain
        on
            bars.symbol = chain.symbol
            and bars.bar_hour = chain.bar_hour
    left join {{ ref('int_macro__hourly') }} as macro
        on bars.bar_hour = macro.bar_hour
    left join {{ ref('int_news__coin_hourly') }} as coin_news
        on
            bars.symbol = coin_news.symbol
            and bars.bar_hour = coin_news.bar_hour
    left join {{ ref('int_news__market_hourly') }} as market_news
        on bars.bar_hour = market_news.bar_hour
    left join {{ ref('int_social__coin_hourly') }} as social
        on
            bars.symbol = social.symbol
            and bars.bar_hour = social.bar_hour
    -- said again beside the joins: from here the bound reaches both sides of each
    where 1 = 1 {{ cf_in_window('bars') }} -- noqa: LT02
),

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
        {{ cf_quality_score() }} as data_quality_score
    from features
)

select * from final
