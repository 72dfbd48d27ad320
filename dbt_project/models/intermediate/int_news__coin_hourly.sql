{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

with

articles as (
    select
        mentions.symbol,
        scored.feed,
        scored.guid,
        scored.from_hour,
        scored.to_hour,
        scored.cryptobert_score,
        scored.minilm_score,
        scored.vader_score
    from {{ ref('int_news__scored') }} as scored
    inner join {{ ref('stg_scoring__mentions') }} as mentions
        on scored.text_id = mentions.text_id
    {{ cf_join_window('mentions', hour='scored.to_hour - 1') }}
    where scored.category = 'crypto'
),

hourly as (
    select
        articles.symbol,
        {{ cf_expanded_hour('articles', 'from_hour') }} as bar_hour,
        articles.cryptobert_score,
        articles.minilm_score,
        articles.vader_score
    from articles
    {{ cf_expand_hours('articles', 'from_hour', 'to_hour') }}
),

in_window as (
    select hourly.*
    from hourly
    {{ cf_join_window('hourly') }}
),

final as (
    select
        symbol,
        bar_hour,
        count(*) as article_count,
        avg(cryptobert_score) as avg_cryptobert_score,
        avg(minilm_score) as avg_minilm_score,
        avg(vader_score) as avg_vader_score
    from in_window
    group by symbol, bar_hour
)

select * from final
