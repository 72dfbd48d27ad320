{#- A whole number of 64 bits. -#}
{% macro cf_bigint(expression) -%}
    {{ return(adapter.dispatch('cf_bigint', 'crypto_features')(expression)) }}
{%- endmacro %}

{% macro duckdb__cf_bigint(expression) -%}
    cast({{ expression }} as bigint)
{%- endmacro %}

{#- Whole-number division, rounded down. -#}
{% macro cf_floor_div(numerator, denominator) -%}
    {{ return(adapter.dispatch('cf_floor_div', 'crypto_features')(numerator, denominator)) }}
{%- endmacro %}

{% macro duckdb__cf_floor_div(numerator, denominator) -%}
    (({{ numerator }}) // {{ denominator }})
{%- endmacro %}

{% macro cf_null_bigint() -%}
    {{ cf_bigint('null') }}
{%- endmacro %}
