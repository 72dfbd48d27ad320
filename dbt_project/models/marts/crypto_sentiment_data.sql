{{ config(materialized='view') }}

{%- set models = var('sentiment_models') %}

with

scores as (
    select * from {{ ref('stg_scoring__sentiment') }}
),

chosen as (
    select
        text_id,
        -- noqa: disable=LT02
        {% for role, model in models.items() %}
        max(case
            when model_id = '{{ model.id }}' and model_revision = '{{ model.revision }}'
                then score
        end) as {{ role }}_score,
        max(case
            when model_id = '{{ model.id }}' and model_revision = '{{ model.revision }}'
                then confidence
        end) as {{ role }}_confidence{{ ',' if not loop.last }}
        {% endfor %}
    from scores
    where
        {% for model in models.values() %}
        {{ 'or ' if not loop.first }}(
            model_id = '{{ model.id }}' and model_revision = '{{ model.revision }}'
        )
        {% endfor %}
    group by text_id
),

final as (
    select
        text_id,
        cryptobert_score,
        cryptobert_confidence,
        finbert_score,
        finbert_confidence,
        minilm_score,
        minilm_confidence,
        vader_score as sentiment_score,
        case
            when vader_score >= 0.05 then 'positive'
            when vader_score <= -0.05 then 'negative'
            when vader_score is not null then 'neutral'
        end as sentiment_label,
        vader_confidence as confidence
    from chosen
)

select * from final
