{#- Keeps the newest visible version of each raw row: none of the same key was loaded later. It stands behind the
    `where` clause of a select without groups, which begins with cf_visible of the same rows. -#}
{% macro cf_only_newest(relation, alias, key, has_available_at=true) -%}
    {{ return(adapter.dispatch('cf_only_newest', 'crypto_features')(relation, alias, key, has_available_at)) }}
{%- endmacro %}

{#- A window: filters on columns of the key pass below it, which they do not in an anti-join. -#}
{% macro duckdb__cf_only_newest(relation, alias, key, has_available_at) -%}
    qualify {{ alias }}.loaded_at = max({{ alias }}.loaded_at) over (
        partition by {% for column in key %}{{ alias }}.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    )
{%- endmacro %}

{#- An anti-join on the primary key: a filter on the rows stays cheap. -#}
{% macro mysql__cf_only_newest(relation, alias, key, has_available_at) -%}
    and not exists (
        select 1
        from {{ relation }} as newer
        where
            {% for column in key -%}
            newer.{{ column }} = {{ alias }}.{{ column }}
            and {% endfor -%}
            newer.loaded_at > {{ alias }}.loaded_at
            and {{ cf_visible('newer', has_available_at) }}
    )
{%- endmacro %}

{% macro mariadb__cf_only_newest(relation, alias, key, has_available_at) -%}
    {{ return(mysql__cf_only_newest(relation, alias, key, has_available_at)) }}
{%- endmacro %}
