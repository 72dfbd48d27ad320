{#- The timestamp at which a date begins, and the date a whole number of days away from another.
    Example: cf_day_start('metrics.day') ; cf_add_days('metrics.day', 1) -#}
{% macro cf_day_start(column) -%}
    {{ return(adapter.dispatch('cf_day_start', 'crypto_features')(column)) }}
{%- endmacro %}

{% macro duckdb__cf_day_start(column) -%}
    cast({{ column }} as timestamp)
{%- endmacro %}

{% macro mysql__cf_day_start(column) -%}
    cast({{ column }} as datetime)
{%- endmacro %}

{% macro mariadb__cf_day_start(column) -%}
    {{ return(mysql__cf_day_start(column)) }}
{%- endmacro %}
