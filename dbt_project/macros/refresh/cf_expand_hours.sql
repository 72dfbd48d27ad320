{#- Turns intervals of hours [from_column, to_column) into one row per hour: join clauses whose cost is the
    number of rows they give, on every engine. The hour itself is `cf_expanded_hour(...)`.
    An interval is cut into chunks of 512 hours and a last one of what is left; at most 512 chunks (29 years).
    Args: relation (alias in the from clause), from_column, to_column (the hour after the last one). -#}
{% macro cf_expand_hours(relation, from_column, to_column) -%}
    {%- set length = '(' ~ relation ~ '.' ~ to_column ~ ' - ' ~ relation ~ '.' ~ from_column ~ ')' -%}
    {{ cf_join_in_order() }} {{ ref('int_numbers') }} as chunks
        on chunks.size = {{ cf_floor_div(length ~ ' - 1', 512) }} + 1
    {{ cf_join_in_order() }} {{ ref('int_numbers') }} as units
        on units.size = case
            when chunks.n + 1 < chunks.size then 512
            else {{ length }} - chunks.n * 512
        end
{%- endmacro %}

{% macro cf_expanded_hour(relation, from_column) -%}
    ({{ relation }}.{{ from_column }} + chunks.n * 512 + units.n)
{%- endmacro %}
