{{ config(materialized='view') }}

{#- The denominator is what was collected, not what was scored: articles and posts themselves. A role
    without a revision scores nothing yet and has no rows. -#}
{%- set models = dict(var('sentiment_models').items() | selectattr('1.revision')) %}
{%- set routes = var('sentiment_routes') %}

with

scores as (
    select * from {{ ref('stg_scoring__sentiment') }}
),

failures as (
    select * from {{ ref('stg_scoring__failures') }}
),

texts as (
    select * from {{ ref('int_sentiment__collected') }}
),

judged as (
    -- noqa: disable=LT02,LT05
    {% for role, model in models.items() %}
    select
        '{{ role }}' as model_role,
        texts.source_name,
        texts.symbol,
        texts.available_at,
        case when scores.text_id is null then 0 else 1 end as is_scored,
        coalesce(failures.attempt, 0) as failed_attempts
    from texts
    left join scores
        on
            texts.text_id = scores.text_id
            and scores.model_id = '{{ model.id }}'
            and scores.model_revision = '{{ model.revision }}'
    left join failures
        on
            texts.text_id = failures.text_id
            and failures.model_id = '{{ model.id }}'
            and failures.model_revision = '{{ model.revision }}'
    where texts.route in ('{{ routes[role] | join("', '") }}')
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

final as (
    select
        cast({{ cf_from_epoch_hours('(24 * day_number)') }} as date) as day,
        source_name,
        model_role,
        symbol,
        count(*) as collected_count,
        sum(is_scored) as scored_count,
        sum(case when is_scored = 0 and failed_attempts >= 3 then 1 else 0 end) as given_up_count,
        1e0 * sum(is_scored) / count(*) as scored_share,
        min(case when is_scored = 0 then available_at end) as oldest_unscored_at
    from (
        select
            judged.*,
            {{ cf_floor_div(cf_epoch_hours('judged.available_at'), 24) }} as day_number
        from judged
    ) as by_day
    group by day_number, source_name, model_role, symbol
)

select * from final
