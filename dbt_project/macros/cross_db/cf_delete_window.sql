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
    where {{ cf_window_ranges(by_symbol=by_symbol) }}
{%- endmacro %}

{% macro mariadb__cf_delete_window(relation, windows, by_symbol) -%}
    {{ return(mysql__cf_delete_window(relation, windows, by_symbol)) }}
{%- endmacro %}

{#- The refresh windows as constants, e.g. `(symbol in ('BTC', 'ETH') and bar_hour >= 456789)`: MySQL and MariaDB
    find an index range in constants, not in a join with the windows.
    Args: alias of the stored table, hours_before (context wanted before the window), by_symbol. -#}
{% macro cf_window_ranges(alias=none, hours_before=0, by_symbol=true) -%}
    {%- set starts = {} -%}
    {%- if execute -%}
        {%- set windows = run_query(
            'select symbol, refresh_from_hour from ' ~ ref('int_refresh__windows') ~ ' order by symbol'
        ) -%}
        {%- for window in windows -%}
            {%- do starts.setdefault(window[1] | int, []).append("'" ~ window[0] ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {%- if not starts -%}
    1 = 0
    {%- elif not by_symbol -%}
    {{ prefix }}bar_hour >= {{ starts | min - hours_before }}
    {%- else -%}
    (
        {%- for hour, symbols in starts.items() %}
        {{ 'or ' if not loop.first -}}
        {{ prefix }}symbol in ({{ symbols | join(', ') }}) and {{ prefix }}bar_hour >= {{ hour - hours_before }}
        {%- endfor %}
    )
    {%- endif -%}
{%- endmacro %}
