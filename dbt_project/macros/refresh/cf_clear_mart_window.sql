{#- The mart's key is the bar's opening time, not its hour count: its own clearing of the refresh window. -#}
{% macro cf_clear_mart_window() -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where exists (
        select 1
        from {{ ref('int_refresh__windows') }} as refresh
        where
            refresh.symbol = {{ this }}.symbol
            and {{ cf_from_epoch_hours('refresh.refresh_from_hour') }} <= {{ this }}.timestamp_iso
    )
    {%- endif -%}
{%- endmacro %}
