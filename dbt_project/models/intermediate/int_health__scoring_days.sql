{{ config(materialized='table', table_key=['model_role', 'day_number']) }}

{#- How many of a day's texts each model has scored. sentiment_coverage tells the same by feed and symbol over
    the whole history; here only the texts of the span are read. -#}
{%- set models = dict(var('sentiment_models').items() | selectattr('1.revision')) %}
{%- set routes = var('sentiment_routes') %}

with

span as (
    select * from {{ ref('int_health__span') }}
),

scores as (
    select * from {{ ref('stg_scoring__sentiment') }}
),

landed as (
    select
        landed.text_version as text_id,
        landed.category as route,
        {{ cf_utc('landed.available_at') }} as available_at
    from {{ source('raw', 'articles') }} as landed
    where
        trim(landed.text) <> ''
        and {{ cf_visible('landed') }}
        {{ cf_since_health('landed.available_at') }} -- noqa: LT02
    union all
    select
        landed.text_id,
        'posts' as route,
        {{ cf_utc('landed.available_at') }} as available_at
    from {{ source('raw', 'social_posts') }} as landed
    where
        trim(landed.text) <> ''
        and {{ cf_visible('landed') }}
        {{ cf_since_health('landed.available_at') }} -- noqa: LT02
),

texts as (
    select
        landed.text_id,
        landed.route,
        {{ cf_floor_div(cf_epoch_hours('min(landed.available_at)'), 24) }} as day_number
    from landed
    cross join span
    where landed.available_at >= {{ cf_from_epoch_hours('(24 * span.first_day)') }}
    group by landed.text_id, landed.route
),

-- a text that two routes carry is one text to its model
judged as (
    -- noqa: disable=LT02,LT05
    {% for role, model in models.items() %}
    select
        '{{ role }}' as model_role,
        texts.text_id,
        min(texts.day_number) as day_number,
        max(case when scores.text_id is null then 0 else 1 end) as is_scored
    from texts
    left join scores
        on
            texts.text_id = scores.text_id
            and scores.model_id = '{{ model.id }}'
            and scores.model_revision = '{{ model.revision }}'
    where texts.route in ('{{ routes[role] | join("', '") }}')
    group by texts.text_id
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        model_role,
        day_number,
        count(*) as collected_count,
        sum(is_scored) as scored_count
    from judged
    group by model_role, day_number
)

select * from final
