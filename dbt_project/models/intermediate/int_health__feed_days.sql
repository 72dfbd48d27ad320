{{ config(materialized='table', table_key=['feed', 'day_number']) }}

{#- How many of a feed's articles of a day another feed had first: with the same text or the same canonical
    link. Where both had it at the same moment the feed whose name sorts first counts as the origin. Archives are
    no feeds here: they repeat by nature, with the times of publication. -#}
with

span as (
    select * from {{ ref('int_health__span') }}
),

articles as (
    select
        landed.feed,
        landed.text_version as text_id,
        min({{ cf_text_hash('landed.canonical_url') }}) as story_id,
        min({{ cf_utc('landed.available_at') }}) as available_at
    from {{ source('raw', 'articles') }} as landed
    cross join span
    where
        landed.feed not like '{{ var("archive_feeds") }}'
        and trim(landed.text) <> ''
        and {{ cf_visible('landed') }}
        and {{ cf_utc('landed.available_at') }} >= {{ cf_from_epoch_hours('(24 * span.first_day)') }}
        {{ cf_since_health('landed.available_at') }} -- noqa: LT02
    group by landed.feed, landed.text_version
),

marked as (
    select
        feed,
        text_id,
        available_at,
        text_id as mark
    from articles
    union all
    select
        feed,
        text_id,
        available_at,
        concat('link ', story_id) as mark
    from articles
    where story_id is not null
),

traced as (
    select
        feed,
        text_id,
        first_value(feed) over (partition by mark order by available_at, feed) as origin
    from marked
),

judged as (
    select
        traced.feed,
        traced.text_id,
        max(case when traced.origin <> traced.feed then 1 else 0 end) as is_copy,
        max(case when traced.origin <> traced.feed then traced.origin end) as origin
    from traced
    group by traced.feed, traced.text_id
),

final as (
    select
        articles.feed,
        {{ cf_floor_div(cf_epoch_hours('articles.available_at'), 24) }} as day_number,
        count(*) as article_count,
        sum(judged.is_copy) as copy_count,
        coalesce(max(judged.origin), '-') as an_origin
    from articles
    inner join judged
        on
            articles.feed = judged.feed
            and articles.text_id = judged.text_id
    group by articles.feed, {{ cf_floor_div(cf_epoch_hours('articles.available_at'), 24) }}
)

select * from final
