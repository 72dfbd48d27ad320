{{ config(materialized='view') }}

{#- A capture stands until the next one of its post. Of two captures before the same close the later one
    counts. -#}
with

captures as (
    select
        platform,
        post_id,
        captured_at,
        case
            when likes is not null or reposts is not null or replies is not null
                then coalesce(likes, 0) + coalesce(reposts, 0) + coalesce(replies, 0)
        end as engagement,
        {{ cf_first_bar_hour('available_at') }} as from_hour
    from {{ ref('stg_social__engagement') }}
),

followed as (
    select
        platform,
        post_id,
        engagement,
        from_hour,
        lead(from_hour) over (partition by platform, post_id order by captured_at) as next_from_hour
    from captures
    where engagement is not null
),

final as (
    select
        platform,
        post_id,
        engagement,
        from_hour,
        coalesce(next_from_hour, from_hour + 100000) as to_hour
    from followed
)

select * from final
where to_hour > from_hour
