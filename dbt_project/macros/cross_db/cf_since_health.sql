{#- Condition `and ...` that a raw time lies in the days data_health looks at, in a constant where an engine finds an
    index range in constants only. It stands beside the comparison with int_health__span, which alone decides.
    Example: {{ cf_since_health('landed.available_at') }} -#}
{% macro cf_since_health(column) -%}
    {{ return(adapter.dispatch('cf_since_health', 'crypto_features')(column)) }}
{%- endmacro %}

{% macro duckdb__cf_since_health(column) -%}
{%- endmacro %}

{% macro mysql__cf_since_health(column) -%}
    {%- set found = run_query('select 24 * first_day from ' ~ ref('int_health__span')) if execute else [] -%}
    {%- set first_hour = found[0][0] if found | length else none -%}
    and {{ column }} >= {{ cf_from_epoch_hours(first_hour | int) }}
{%- endmacro %}

{% macro mariadb__cf_since_health(column) -%}
    {{ return(mysql__cf_since_health(column)) }}
{%- endmacro %}
