with

captures as (
    select * from {{ source('raw', 'social_engagement') }}
),

renamed as (
    select
        captures.platform,
        captures.post_id,
        {{ cf_utc('captures.captured_at') }} as captured_at,
        captures.likes,
        captures.reposts,
        captures.replies,
        {{ cf_utc('captures.available_at') }} as available_at,
        {{ cf_utc('captures.loaded_at') }} as loaded_at,
        captures.is_sample
    from captures
    where
        {{ cf_visible('captures') }}
    {{ cf_only_newest(
        source('raw', 'social_engagement'),
        'captures',
        ['platform', 'post_id', 'captured_at']
    ) }}
)

select * from renamed
