{#- The naive UTC timestamp that lies a number of whole hours after 1970-01-01 00:00.
    Example: cf_from_epoch_hours('bars.bar_hour') -#}
{% macro cf_from_epoch_hours(hours) -%}
    {{ return(adapter.dispatch('cf_from_epoch_hours', 'crypto_features')(hours)) }}
{%- endmacro %}

{% macro duckdb__cf_from_epoch_hours(hours) -%}
    make_timestamp(cast({{ hours }} as bigint) * 3600000000)
{%- endmacro %}

{% macro mysql__cf_from_epoch_hours(hours) -%}
    timestampadd(hour, {{ hours }}, timestamp'1970-01-01 00:00:00')
{%- endmacro %}

{% macro mariadb__cf_from_epoch_hours(hours) -%}
    {{ return(mysql__cf_from_epoch_hours(hours)) }}
{%- endmacro %}

{#- A timestamp some whole minutes later. -#}
{% macro cf_minutes_after(moment, minutes) -%}
    {{ return(adapter.dispatch('cf_minutes_after', 'crypto_features')(moment, minutes)) }}
{%- endmacro %}

{% macro duckdb__cf_minutes_after(moment, minutes) -%}
    ({{ moment }} + interval {{ minutes }} minute)
{%- endmacro %}

{% macro mysql__cf_minutes_after(moment, minutes) -%}
    timestampadd(minute, {{ minutes }}, {{ moment }})
{%- endmacro %}

{% macro mariadb__cf_minutes_after(moment, minutes) -%}
    {{ return(mysql__cf_minutes_after(moment, minutes)) }}
{%- endmacro %}
