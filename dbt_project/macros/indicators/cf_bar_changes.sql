{#- What a bar changed since the one before it, all NULL at a symbol's first bar. Args: bar, the alias of
    int_prices__bars. -#}
{% macro cf_gain_usd(bar) -%}
    case
                when {{ bar }}.close_price > {{ bar }}.previous_close_price
                    then {{ bar }}.close_price - {{ bar }}.previous_close_price
                when {{ bar }}.close_price <= {{ bar }}.previous_close_price then 0e0
            end
{%- endmacro %}

{% macro cf_loss_usd(bar) -%}
    case
                when {{ bar }}.close_price < {{ bar }}.previous_close_price
                    then {{ bar }}.previous_close_price - {{ bar }}.close_price
                when {{ bar }}.close_price >= {{ bar }}.previous_close_price then 0e0
            end
{%- endmacro %}

{#- The largest of high - low, high - previous close, previous close - low. -#}
{% macro cf_true_range_usd(bar) -%}
    {%- set extent = bar ~ '.high_price - ' ~ bar ~ '.low_price' -%}
    {%- set rise = bar ~ '.high_price - ' ~ bar ~ '.previous_close_price' -%}
    {%- set fall = bar ~ '.previous_close_price - ' ~ bar ~ '.low_price' -%}
    case
                when {{ bar }}.previous_close_price is null then null
                when {{ rise }} >= {{ fall }} and {{ rise }} > {{ extent }} then {{ rise }}
                when {{ fall }} > {{ extent }} then {{ fall }}
                else {{ extent }}
            end
{%- endmacro %}
