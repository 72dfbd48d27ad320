{#- A moment, given as ISO 8601 text with an offset, as a literal comparable to a raw timestamp.
    Example: cf_raw_literal('2024-01-31T12:00:00Z') -#}
{% macro cf_raw_literal(iso_text) -%}
    {%- set moment = modules.datetime.datetime.fromisoformat(iso_text | string) -%}
    {%- if moment.tzinfo is none -%}
        {{ exceptions.raise_compiler_error(
            "'" ~ iso_text ~ "' has no offset from UTC; write it as 2024-01-31T12:00:00Z"
        ) }}
    {%- endif -%}
    {%- set utc = moment.astimezone(modules.pytz.utc).strftime('%Y-%m-%d %H:%M:%S.%f') -%}
    {{ return(adapter.dispatch('cf_raw_literal', 'crypto_features')(utc)) }}
{%- endmacro %}

{% macro duckdb__cf_raw_literal(utc_text) -%}
    timestamptz '{{ utc_text }}+00'
{%- endmacro %}

{% macro mysql__cf_raw_literal(utc_text) -%}
    timestamp'{{ utc_text }}'
{%- endmacro %}

{% macro mariadb__cf_raw_literal(utc_text) -%}
    {{ return(mysql__cf_raw_literal(utc_text)) }}
{%- endmacro %}
