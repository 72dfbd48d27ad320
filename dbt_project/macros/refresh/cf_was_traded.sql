{#- False for a bar in which the exchange itself says that nobody traded: Binance and Kraken fill such hours with the
    last price, Coinbase leaves them out. A gap stays a gap, whichever exchange is read.
    Args: alias of a relation with trade_count (NULL where the exchange does not tell). -#}
{% macro cf_was_traded(alias) -%}
    coalesce({{ alias }}.trade_count, 1) > 0
{%- endmacro %}
