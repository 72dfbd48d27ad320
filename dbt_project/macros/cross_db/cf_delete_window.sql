{#- Deletes from a table the rows that the current refresh windows will write again.
    Args: relation (the table), windows (int_refresh__windows), by_symbol (false for tables of the
    hour alone: they go from the earliest window on). -#}
{% macro cf_delete_window(relation, windows, by_symbol) -%}
    {{ return(adapter.dispatch('cf_delete_window', 'crypto_features')(relation, windows, by_symbol)) }}
{%- endmacro %}

{% macro duckdb__cf_delete_window(relation, windows, by_symbol) -%}
    {%- if by_symbol -%}
    delete from {{ relation }} as kept
    using {{ windows }} as refresh
    where
        kept.symbol = refresh.symbol
        and kept.bar_hour >= refresh.refresh_from_hour
    {%- else -%}
    delete from {{ relation }} as kept
    where kept.bar_hour >= (select min(refresh_from_hour) from {{ windows }})
    {%- endif -%}
{%- endmacro %}

{% macro mysql__cf_delete_window(relation, windows, by_symbol) -%}
    delete from {{ relation }}
    where {{ cf_window_ranges(windows, by_symbol=by_symbol) }}
{%- endmacro %}

{% macro mariadb__cf_delete_window(relation, windows, by_symbol) -%}
    {{ return(mysql__cf_delete_window(relation, windows, by_symbol)) }}
{%- endmacro %}
