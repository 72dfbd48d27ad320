{#- The days data_health looks at as a window per asset (symbol, first_hour): what cf_window_condition takes.
    None while nothing is built: the project is only compiled then. -#}
{% macro cf_health_windows() -%}
    {%- if execute and load_relation(ref('int_health__span')) is none -%}
    {{ return(none) }}
    {%- endif -%}
    (
        select
            assets.symbol,
            24 * span.first_day as first_hour
        from {{ ref('assets') }} as assets
        cross join {{ ref('int_health__span') }} as span
    ) as windows
{%- endmacro %}
