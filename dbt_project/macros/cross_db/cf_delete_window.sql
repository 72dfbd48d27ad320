{#- Deletes from a table the rows that the current refresh windows will write again.
    Args: relation (a table with symbol and bar_hour), windows (int_refresh__windows). -#}
{% macro cf_delete_window(relation, windows) -%}
    {{ return(adapter.dispatch('cf_delete_window', 'crypto_features')(relation, windows)) }}
{%- endmacro %}

{% macro duckdb__cf_delete_window(relation, windows) -%}
    delete from {{ relation }} as kept
    using {{ windows }} as refresh
    where
        kept.symbol = refresh.symbol
        and kept.bar_hour >= refresh.refresh_from_hour
{%- endmacro %}

{% macro mysql__cf_delete_window(relation, windows) -%}
    delete from {{ relation }}
    where {{ cf_window_ranges(windows) }}
{%- endmacro %}

{% macro mariadb__cf_delete_window(relation, windows) -%}
    {{ return(mysql__cf_delete_window(relation, windows)) }}
{%- endmacro %}
