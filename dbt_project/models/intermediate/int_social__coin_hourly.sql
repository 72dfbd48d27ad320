{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set model = var('sentiment_models').cryptobert -%}

with

posts as (
    select
        posts.platform,
        posts.post_id,
        posts.text_id,
        posts.author_id,
        posts.is_verified,
        {{ cf_first_bar_hour('posts.available_at') }} as from_hour
    from {{ ref('stg_social__posts') }} as posts
),

scores as (
    select
        text_id,
        score
    from {{ ref('stg_scoring__sentiment') }}
    where model_id = '{{ model.id }}' and model_revision = '{{ model.revision }}'
),

mentioned as (
    select
        mentions.symbol,
        posts.platform,
        posts.post_id,
        posts.author_id,
        posts.is_verified,
        posts.from_hour,
        posts.from_hour + 24 as to_hour,
        scores.score
    from posts
    inner join {{ ref('stg_scoring__mentions') }} as mentions
        on posts.text_id = mentions.text_id
    left join scores
        on posts.text_id = scores.text_id
    {{ cf_join_window('mentions', hour='posts.from_hour + 23') }}
),

hourly as (
    select
        mentioned.*,
        {{ cf_expanded_hour('mentioned', 'from_hour') }} as bar_hour
    from mentioned
    {{ cf_expand_hours('mentioned', 'from_hour', 'to_hour') }}
),

in_window as (
    select hourly.*
    from hourly
    {{ cf_join_window('hourly') }}
),

measured as (
    select
        in_window.*,
        captures.engagement
    from in_window
    left join {{ ref('int_social__engagement') }} as captures
        on
            in_window.platform = captures.platform
            and in_window.post_id = captures.post_id
            and in_window.bar_hour >= captures.from_hour
            and in_window.bar_hour < captures.to_hour
),

final as (
    select
        symbol,
        bar_hour,
        count(*) as post_count,
        avg(score) as avg_sentiment,
        sum(score * (1 + ln(1 + engagement)))
        / nullif(sum(case when score is not null then 1 + ln(1 + engagement) end), 0)
            as engagement_weighted_sentiment,
        avg(case when is_verified then score end) as verified_user_sentiment,
        sum(engagement) as total_engagement,
        count(distinct author_id) as unique_authors
    from measured
    group by symbol, bar_hour
)

select * from final
