{#- Condition `and ...` that keeps a stored table's rows of the refresh windows, written in constants where an engine
    finds an index range in constants only. It stands beside the join with int_refresh__windows, which alone decides,
    and is empty in a full build.
    Args: alias of the table, hours_before (context wanted before the window), time_column (a timestamp of the table
    that stands for bar_hour), bars_before (context counted in bars).
    Example: and (bars.symbol in ('BTC', 'ETH') and bars.bar_hour >= 456789) -#}
{% macro cf_in_window(alias, hours_before=0, time_column=none, bars_before=none) -%}
    {%- if cf_is_increment() -%}
        {{ return(adapter.dispatch('cf_in_window', 'crypto_features')(alias, hours_before, time_column, bars_before)) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__cf_in_window(alias, hours_before, time_column, bars_before) -%}
{%- endmacro %}

{% macro mysql__cf_in_window(alias, hours_before, time_column, bars_before) -%}
    and {{ cf_window_ranges(
        ref('int_refresh__windows'), alias=alias, hours_before=hours_before, time_column=time_column,
        bars_before=bars_before
    ) }}
{%- endmacro %}

{% macro mariadb__cf_in_window(alias, hours_before, time_column, bars_before) -%}
    {{ return(mysql__cf_in_window(alias, hours_before, time_column, bars_before)) }}
{%- endmacro %}

{#- The windows as constants, read when the model is compiled. -#}
{% macro cf_window_ranges(windows, alias=none, hours_before=0, time_column=none, bars_before=none) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {%- set symbols_by_start = {} -%}
    {%- if execute -%}
        {%- set start = 'refresh_from_hour' if bars_before is none else 'state_bar_number' -%}
        {%- for window in run_query('select symbol, ' ~ start ~ ' from ' ~ windows ~ ' order by symbol') -%}
            {%- do symbols_by_start.setdefault(window[1] | int, []).append("'" ~ window[0] ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set ranges = [] -%}
    {%- for start, symbols in symbols_by_start.items() -%}
        {%- set first = [start - hours_before, 0] | max -%}
        {%- if bars_before is not none -%}
            {%- set since = prefix ~ 'bar_number > ' ~ (start - bars_before) -%}
        {%- elif time_column -%}
            {%- set since = prefix ~ time_column ~ ' >= ' ~ cf_from_epoch_hours(first) -%}
        {%- else -%}
            {%- set since = prefix ~ 'bar_hour >= ' ~ first -%}
        {%- endif -%}
        {%- do ranges.append(prefix ~ 'symbol in (' ~ symbols | join(', ') ~ ') and ' ~ since) -%}
    {%- endfor -%}
    {%- if not ranges -%}
    1 = 0
    {%- else -%}
    ({{ ranges | join(' or ') }})
    {%- endif -%}
{%- endmacro %}
