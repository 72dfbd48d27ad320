with

articles as (
    select * from {{ source('raw', 'articles') }}
),

renamed as (
    select
        articles.feed,
        articles.guid,
        articles.text_version as text_id,
        articles.category,
        articles.url,
        articles.canonical_url,
        -- copies of one article in two feeds share it; hashed, since servers cannot index a long text
        {{ cf_text_hash("coalesce(articles.canonical_url, concat(articles.feed, ' ', articles.guid))") }}
            as story_id,
        articles.title,
        articles.summary,
        articles.author,
        {{ cf_utc('articles.published_at') }} as published_at,
        {{ cf_utc('articles.first_seen_at') }} as first_seen_at,
        {{ cf_utc('articles.available_at') }} as available_at,
        articles.is_backfilled,
        {{ cf_utc('articles.loaded_at') }} as loaded_at,
        articles.is_sample
    from articles
    where
        {{ cf_visible('articles') }}
    {{ cf_only_newest(
        source('raw', 'articles'),
        'articles',
        ['feed', 'guid', 'text_version', 'available_at']
    ) }}
)

select * from renamed
