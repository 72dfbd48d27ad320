{#- Deletes from a table the rows that the current refresh windows will write again.
    Args: relation (a table with a symbol), windows (int_refresh__windows), hour_column (what lies in them). -#}
{% macro cf_delete_window(relation, windows, hour_column='bar_hour') -%}
    {{ return(adapter.dispatch('cf_delete_window', 'crypto_features')(relation, windows, hour_column)) }}
{%- endmacro %}

{% macro duckdb__cf_delete_window(relation, windows, hour_column) -%}
    delete from {{ relation }} as kept
    using {{ windows }} as refresh
    where
        kept.symbol = refresh.symbol
        and kept.{{ hour_column }} >= refresh.refresh_from_hour
{%- endmacro %}

{% macro mysql__cf_delete_window(relation, windows, hour_column) -%}
    delete from {{ relation }}
    where {{ cf_window_ranges(windows, hour_column=hour_column) }}
{%- endmacro %}

{% macro mariadb__cf_delete_window(relation, windows, hour_column) -%}
    {{ return(mysql__cf_delete_window(relation, windows, hour_column)) }}
{%- endmacro %}
