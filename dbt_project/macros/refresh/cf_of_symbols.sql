{#- Condition `and ...` that keeps the rows of some symbols; empty for none: then all rows stay.
    Args: symbols (a list), alias of the table. -#}
{% macro cf_of_symbols(symbols, alias) -%}
    {%- if symbols -%}
    and {{ alias }}.symbol in ('{{ symbols | join("', '") }}')
    {%- endif -%}
{%- endmacro %}
