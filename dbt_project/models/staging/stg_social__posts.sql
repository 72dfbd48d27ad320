with

posts as (
    select * from {{ source('raw', 'social_posts') }}
),

renamed as (
    select
        posts.platform,
        posts.post_id,
        posts.text_id,
        posts.author_id,
        posts.is_verified,
        {{ cf_utc('posts.posted_at') }} as posted_at,
        posts.text as post_text,
        posts.user_sentiment,
        {{ cf_utc('posts.available_at') }} as available_at,
        posts.is_backfilled,
        {{ cf_utc('posts.loaded_at') }} as loaded_at,
        posts.is_sample
    from posts
    where
        {{ cf_visible('posts') }}
    {{ cf_only_newest(
        source('raw', 'social_posts'),
        'posts',
        ['platform', 'post_id']
    ) }}
)

select * from renamed
