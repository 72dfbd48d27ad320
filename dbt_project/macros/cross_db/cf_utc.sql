{#- A raw timestamp as a naive UTC timestamp.
    Why: dlt lands `timestamptz` on DuckDB and a naive UTC `datetime(6)` on MySQL.
    Example: cf_utc('bars.bar_open_at') -#}
{% macro cf_utc(column) -%}
    {{ return(adapter.dispatch('cf_utc', 'crypto_features')(column)) }}
{%- endmacro %}

{#- Not `at time zone 'UTC'`, which asks the calendar for every row: 17 times the time, and no filter passes it. -#}
{% macro duckdb__cf_utc(column) -%}
    make_timestamp(epoch_us({{ column }}))
{%- endmacro %}

{% macro mysql__cf_utc(column) -%}
    {{ column }}
{%- endmacro %}

{% macro mariadb__cf_utc(column) -%}
    {{ return(mysql__cf_utc(column)) }}
{%- endmacro %}
