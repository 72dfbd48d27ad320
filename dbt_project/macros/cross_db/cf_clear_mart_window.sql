{#- The mart's key is the bar's opening time, not its hour count: its own clearing of the refresh window. -#}
{% macro cf_clear_mart_window(relation) -%}
    {{ return(adapter.dispatch('cf_clear_mart_window', 'crypto_features')(relation)) }}
{%- endmacro %}

{% macro duckdb__cf_clear_mart_window(relation) -%}
    delete from {{ relation }} as kept
    using {{ ref('int_refresh__windows') }} as refresh
    where
        kept.symbol = refresh.symbol
        and kept.timestamp_iso >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
{%- endmacro %}

{% macro mysql__cf_clear_mart_window(relation) -%}
    delete from {{ relation }}
    where {{ cf_window_ranges(ref('int_refresh__windows'), time_column='timestamp_iso') }}
{%- endmacro %}

{% macro mariadb__cf_clear_mart_window(relation) -%}
    {{ return(mysql__cf_clear_mart_window(relation)) }}
{%- endmacro %}
