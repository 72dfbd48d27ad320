{#- Rank of a bar's provider for its symbol, 1 the best: var symbol_price_providers for the symbols it names, var
    price_providers for the others; 99 for a provider that is not listed.
    Args: alias (a relation with symbol and provider). -#}
{% macro cf_provider_rank(alias) -%}
    case
        {% for symbol, providers in var('symbol_price_providers').items() -%}
        {% for provider in providers -%}
        when {{ alias }}.symbol = '{{ symbol }}' and {{ alias }}.provider = '{{ provider }}' then {{ loop.index }}
        {% endfor -%}
        when {{ alias }}.symbol = '{{ symbol }}' then 99
        {% endfor -%}
        {% for provider in var('price_providers') -%}
        when {{ alias }}.provider = '{{ provider }}' then {{ loop.index }}
        {% endfor -%}
        else 99
    end
{%- endmacro %}
