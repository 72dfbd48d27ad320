{{ config(materialized='view') }}

with

mentions as (
    select * from {{ ref('stg_scoring__mentions') }}
),

collected as (
    select
        landed.feed as source_name,
        landed.text_version as text_id,
        landed.category as route,
        {{ cf_utc('min(landed.available_at)') }} as available_at
    from {{ source('raw', 'articles') }} as landed
    where trim(landed.text) <> '' and {{ cf_visible('landed') }}
    group by landed.feed, landed.text_version, landed.category
    union all
    select
        landed.platform as source_name,
        landed.text_id,
        'posts' as route,
        {{ cf_utc('min(landed.available_at)') }} as available_at
    from {{ source('raw', 'social_posts') }} as landed
    where trim(landed.text) <> '' and {{ cf_visible('landed') }}
    group by landed.platform, landed.text_id
),

-- every text counts for all symbols together, and for each that it mentions
final as (
    select
        source_name,
        text_id,
        route,
        available_at,
        '*' as symbol
    from collected
    union all
    select
        collected.source_name,
        collected.text_id,
        collected.route,
        collected.available_at,
        mentions.symbol
    from collected
    inner join mentions
        on collected.text_id = mentions.text_id
)

select * from final
