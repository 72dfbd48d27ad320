{#- Difference of two positive prices in per cent of the second. -#}
{% macro cf_difference_pct(price, reference) -%}
    100 * abs({{ price }} - {{ reference }}) / {{ reference }}
{%- endmacro %}
