{#- Turns intervals of hours [from_column, to_column) into one row per hour: join clauses whose cost is the
    number of rows they give, on every engine. The hour itself is `cf_expanded_hour(...)`.
    Args: relation (alias in the from clause), from_column, to_column (the hour after the last one). -#}
{% macro cf_expand_hours(relation, from_column, to_column) -%}
    {%- set length = '(' ~ relation ~ '.' ~ to_column ~ ' - ' ~ relation ~ '.' ~ from_column ~ ')' -%}
    {{ cf_join_in_order() }} {{ ref('int_numbers') }} as thousands
        on thousands.n <= {{ cf_floor_div(length ~ ' - 1', 1024) }}
    {{ cf_join_in_order() }} {{ ref('int_numbers') }} as units
        on units.n < {{ length }} - thousands.n * 1024
{%- endmacro %}

{% macro cf_expanded_hour(relation, from_column) -%}
    ({{ relation }}.{{ from_column }} + thousands.n * 1024 + units.n)
{%- endmacro %}
