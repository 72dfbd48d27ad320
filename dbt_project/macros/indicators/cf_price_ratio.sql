{#- The greater of two positive prices as a multiple of the smaller: a half is as far as the double. -#}
{% macro cf_price_ratio(price, other) -%}
    greatest({{ price }}, {{ other }}) / least({{ price }}, {{ other }})
{%- endmacro %}
