{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['feed', 'guid', 'from_hour'],
    table_indexes=[['first_from_hour'], ['to_hour']],
    pre_hook="{{ cf_clear_market('first_from_hour', hours_before=24) }}",
) }}

{#- An article counts for the 24 hours after it was first available, once, in however many feeds of a category
    it stands. Within them each edit, and each copy in another feed, stands from its own availability to the next
    one's. -#}
with

articles as (
    select
        feed,
        guid,
        story_id,
        text_id,
        category,
        available_at,
        loaded_at,
        {{ cf_first_bar_hour('available_at') }} as from_hour
    from {{ ref('stg_news__articles') }}
),

touched as (
    select distinct
        category,
        story_id
    from articles
    where from_hour >= {{ cf_market_floor() }} - 24
),

ordered as (
    select
        articles.feed,
        articles.guid,
        articles.text_id,
        articles.category,
        articles.from_hour,
        min(articles.from_hour) over (partition by articles.category, articles.story_id)
            as first_from_hour,
        lead(articles.from_hour) over (
            partition by articles.category, articles.story_id
            order by articles.available_at, articles.loaded_at, articles.feed, articles.guid
        ) as next_from_hour
    from articles
    inner join touched
        on
            articles.category = touched.category
            and articles.story_id = touched.story_id
),

final as (
    select
        feed,
        guid,
        text_id,
        category,
        first_from_hour,
        from_hour,
        case when next_from_hour < first_from_hour + 24 then next_from_hour else first_from_hour + 24 end
            as to_hour
    from ordered
    where first_from_hour >= {{ cf_market_floor() }} - 24
)

select * from final
where to_hour > from_hour
