{{ config(materialized='view') }}

{%- set models = var('sentiment_models') %}

with

versions as (
    select * from {{ ref('int_news__versions') }}
),

scores as (
    select * from {{ ref('stg_scoring__sentiment') }}
),

final as (
    select
        versions.feed,
        versions.guid,
        versions.text_id,
        versions.category,
        versions.from_hour,
        versions.to_hour,
        -- noqa: disable=LT02
        {% for role in models %}
        {{ role }}.score as {{ role }}_score{{ ',' if not loop.last }}
        {% endfor %}
    from versions
    {% for role, model in models.items() %}
    left join scores as {{ role }}
        on
            versions.text_id = {{ role }}.text_id
            and {{ role }}.model_id = '{{ model.id }}'
            and {{ role }}.model_revision = '{{ model.revision }}'
    {% endfor %}
    where
        {% for role in models %}
        {{ 'or ' if not loop.first }}{{ role }}.score is not null
        {% endfor %}
)

select * from final
