{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['bar_hour'],
    pre_hook='{{ cf_clear_market() }}',
) }}

{#- Articles of the market feeds, and crypto articles that mention no coin. -#}
with

articles as (
    select
        scored.category,
        scored.from_hour,
        scored.to_hour,
        scored.finbert_score,
        scored.cryptobert_score,
        scored.vader_score
    from {{ ref('int_news__scored') }} as scored
    where
        scored.to_hour > {{ cf_market_floor() }}
        and (
            scored.category = 'market'
            or not exists (
                select 1
                from {{ ref('stg_scoring__mentions') }} as mentions
                where mentions.text_id = scored.text_id
            )
        )
),

hourly as (
    select
        {{ cf_expanded_hour('articles', 'from_hour') }} as bar_hour,
        articles.category,
        articles.finbert_score,
        articles.cryptobert_score,
        articles.vader_score
    from articles
    {{ cf_expand_hours('articles', 'from_hour', 'to_hour') }}
),

final as (
    select
        bar_hour,
        sum(case when category = 'market' then 1 else 0 end) as market_article_count,
        avg(case when category = 'market' then finbert_score end) as avg_finbert_score,
        sum(case when category = 'crypto' then 1 else 0 end) as general_article_count,
        avg(case when category = 'crypto' then cryptobert_score end) as avg_cryptobert_score,
        avg(case when category = 'crypto' then vader_score end) as avg_vader_score
    from hourly
    where bar_hour >= {{ cf_market_floor() }}
    group by bar_hour
)

select * from final
