{#- A raw timestamp as a naive UTC timestamp.
    Why: dlt lands `timestamptz` on DuckDB and a naive UTC `datetime(6)` on MySQL.
    Example: cf_utc('bars.bar_open_at') -#}
{% macro cf_utc(column) -%}
    {{ return(adapter.dispatch('cf_utc', 'crypto_features')(column)) }}
{%- endmacro %}

{% macro duckdb__cf_utc(column) -%}
    ({{ column }} at time zone 'UTC')
{%- endmacro %}

{% macro mysql__cf_utc(column) -%}
    {{ column }}
{%- endmacro %}

{% macro mariadb__cf_utc(column) -%}
    {{ return(mysql__cf_utc(column)) }}
{%- endmacro %}
