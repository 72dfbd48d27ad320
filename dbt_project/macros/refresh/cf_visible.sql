{#- True for raw rows that a build may see: held by the warehouse at `loaded_as_of` and knowable at
    `as_of`. Without the two vars every row is visible. -#}
{% macro cf_visible(alias, has_available_at=true) -%}
    {%- set conditions = ['1 = 1'] -%}
    {%- if var('loaded_as_of') -%}
        {%- do conditions.append(alias ~ '.loaded_at <= ' ~ cf_raw_literal(var('loaded_as_of'))) -%}
    {%- endif -%}
    {%- if var('as_of') and has_available_at -%}
        {%- do conditions.append(alias ~ '.available_at <= ' ~ cf_raw_literal(var('as_of'))) -%}
    {%- endif -%}
    {{- conditions | join(' and ') -}}
{%- endmacro %}
