{#- The days data_health looks at as a window per asset (symbol, first_hour): what cf_window_condition takes. -#}
{% macro cf_health_windows() -%}
    (
        select
            assets.symbol,
            24 * span.first_day as first_hour
        from {{ ref('assets') }} as assets
        cross join {{ ref('int_health__span') }} as span
    ) as windows
{%- endmacro %}
