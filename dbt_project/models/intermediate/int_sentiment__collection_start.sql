{{ config(materialized='view') }}

with

articles as (
    select
        min(case when category = 'crypto' then available_at end) as crypto_at,
        min(case when category = 'market' then available_at end) as market_at
    from {{ ref('stg_news__articles') }}
    -- history read on request says nothing of the hours between it and the first run
    where feed not like '{{ var('archive_feeds') }}'
),

posts as (
    select min(available_at) as social_at
    from {{ ref('stg_social__posts') }}
),

final as (
    select
        {{ cf_first_bar_hour('articles.crypto_at') }} as crypto_from_hour,
        {{ cf_first_bar_hour('articles.market_at') }} as market_from_hour,
        {{ cf_first_bar_hour('posts.social_at') }} as social_from_hour
    from articles
    cross join posts
)

select * from final
