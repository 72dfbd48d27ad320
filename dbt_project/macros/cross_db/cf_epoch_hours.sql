{#- Whole hours from 1970-01-01 00:00 UTC to a naive UTC timestamp, rounded down (bigint).
    Example: cf_epoch_hours('bars.bar_open_at') -#}
{% macro cf_epoch_hours(column) -%}
    {{ return(adapter.dispatch('cf_epoch_hours', 'crypto_features')(column)) }}
{%- endmacro %}

{% macro duckdb__cf_epoch_hours(column) -%}
    (epoch_us({{ column }}) // 3600000000)
{%- endmacro %}

{#- timestampdiff rounds towards 1970: no bar or fact is older. -#}
{% macro mysql__cf_epoch_hours(column) -%}
    timestampdiff(hour, timestamp'1970-01-01 00:00:00', {{ column }})
{%- endmacro %}

{% macro mariadb__cf_epoch_hours(column) -%}
    {{ return(mysql__cf_epoch_hours(column)) }}
{%- endmacro %}

{#- The same, rounded up: the first full hour not before the timestamp. -#}
{% macro cf_epoch_hours_ceil(column) -%}
    ({{ cf_epoch_hours(column) }} + case
        when {{ column }} > {{ cf_from_epoch_hours(cf_epoch_hours(column)) }} then 1 else 0
    end)
{%- endmacro %}

{#- The first bar (its opening hour) that may use a fact available at the timestamp: a bar knows what
    was available at its close, one hour after it opens. -#}
{% macro cf_first_bar_hour(available_at) -%}
    ({{ cf_epoch_hours_ceil(available_at) }} - 1)
{%- endmacro %}
