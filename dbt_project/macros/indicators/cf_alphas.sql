{#- Smoothing factors: EMA over n bars has alpha 2 / (n + 1), Wilder's mean over n bars has alpha 1 / n. -#}
{% macro cf_ema_alpha(bars) -%}
    (2e0 / {{ bars + 1 }})
{%- endmacro %}

{% macro cf_wilder_alpha(bars) -%}
    (1e0 / {{ bars }})
{%- endmacro %}
