{#- A whole number of 64 bits. -#}
{% macro cf_bigint(expression) -%}
    {{ return(adapter.dispatch('cf_bigint', 'crypto_features')(expression)) }}
{%- endmacro %}

{% macro duckdb__cf_bigint(expression) -%}
    cast({{ expression }} as bigint)
{%- endmacro %}

{% macro mysql__cf_bigint(expression) -%}
    cast({{ expression }} as signed)
{%- endmacro %}

{% macro mariadb__cf_bigint(expression) -%}
    {{ return(mysql__cf_bigint(expression)) }}
{%- endmacro %}

{#- Whole-number division, rounded down. -#}
{% macro cf_floor_div(numerator, denominator) -%}
    {{ return(adapter.dispatch('cf_floor_div', 'crypto_features')(numerator, denominator)) }}
{%- endmacro %}

{% macro duckdb__cf_floor_div(numerator, denominator) -%}
    (({{ numerator }}) // {{ denominator }})
{%- endmacro %}

{#- `div` rounds towards zero: the callers' numerators are never negative. -#}
{% macro mysql__cf_floor_div(numerator, denominator) -%}
    (({{ numerator }}) div {{ denominator }})
{%- endmacro %}

{% macro mariadb__cf_floor_div(numerator, denominator) -%}
    {{ return(mysql__cf_floor_div(numerator, denominator)) }}
{%- endmacro %}

{% macro cf_null_bigint() -%}
    {{ cf_bigint('null') }}
{%- endmacro %}

{#- A typed NULL where a symbol would stand. -#}
{% macro cf_null_symbol() -%}
    {{ return(adapter.dispatch('cf_null_symbol', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_null_symbol() -%}
    cast(null as varchar(20))
{%- endmacro %}

{% macro mysql__cf_null_symbol() -%}
    cast(null as char(20))
{%- endmacro %}

{% macro mariadb__cf_null_symbol() -%}
    {{ return(mysql__cf_null_symbol()) }}
{%- endmacro %}

{#- A typed NULL where a number would stand. -#}
{% macro cf_null_double() -%}
    {{ return(adapter.dispatch('cf_null_double', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_null_double() -%}
    cast(null as double)
{%- endmacro %}

{% macro mysql__cf_null_double() -%}
    cast(null as double)
{%- endmacro %}

{% macro mariadb__cf_null_double() -%}
    {{ return(mysql__cf_null_double()) }}
{%- endmacro %}
