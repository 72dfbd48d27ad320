with

mentions as (
    select * from {{ source('raw', 'asset_mentions') }}
),

renamed as (
    select
        mentions.text_id,
        mentions.symbol,
        mentions.rule as mention_rule,
        mentions.matched as matched_text,
        mentions.start_offset,
        mentions.end_offset,
        {{ cf_utc('mentions.loaded_at') }} as loaded_at,
        mentions.is_sample
    from mentions
    where
        {{ cf_visible('mentions', has_available_at=false) }}
    {{ cf_only_newest(
        source('raw', 'asset_mentions'),
        'mentions',
        ['text_id', 'symbol'],
        has_available_at=false
    ) }}
)

select * from renamed
