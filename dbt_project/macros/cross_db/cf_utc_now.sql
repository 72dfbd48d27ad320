{#- The moment of reading, as a naive UTC timestamp: only for views that say how old something is to whoever looks. In
    a build for a past moment it is that moment. -#}
{% macro cf_utc_now() -%}
    {%- if var('as_of') or var('loaded_as_of') -%}
        {{ return(cf_utc(cf_raw_literal(var('as_of') or var('loaded_as_of')))) }}
    {%- endif -%}
    {{ return(adapter.dispatch('cf_utc_now', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_utc_now() -%}
    (now() at time zone 'UTC')
{%- endmacro %}

{% macro mysql__cf_utc_now() -%}
    utc_timestamp()
{%- endmacro %}

{% macro mariadb__cf_utc_now() -%}
    {{ return(mysql__cf_utc_now()) }}
{%- endmacro %}
