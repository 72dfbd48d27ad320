{#- Condition `and ...` that keeps a stored table's rows of the refresh windows, written in constants: engines find an
    index range in constants only, and carry them into the look for a newer version of a row. It stands beside the join
    with int_refresh__windows, which alone decides, and is empty in a full build.
    Args: alias of the table, and how a window bounds its rows, as in cf_window_ranges.
    Example: and (bars.symbol in ('BTC', 'ETH') and bars.bar_hour >= 456789) -#}
{% macro cf_in_window(alias) -%}
    {%- if cf_is_increment() -%}
        {{ return(cf_window_condition(ref('int_refresh__windows'), alias, **kwargs)) }}
    {%- endif -%}
{%- endmacro %}

{#- The same for any relation of windows (symbol, and the column they start at), whatever kind the build is.
    Args: windows (a relation, or a select in parentheses with an alias), alias, bounds (as in cf_window_ranges). -#}
{% macro cf_window_condition(windows, alias) -%}
    {{ return(adapter.dispatch('cf_window_condition', 'crypto_features')(windows, alias, kwargs)) }}
{%- endmacro %}

{#- Scans, no index: a few ranges are cheap, one for each of a hundred symbols is not; then the earliest start bounds
    them all. Bar numbers of different symbols have no order in common: there the join is enough. -#}
{% macro duckdb__cf_window_condition(windows, alias, bounds) -%}
    {%- if bounds.get('bars_before') is none -%}
    and {{ cf_window_ranges(windows, alias, most_ranges=8, **bounds) }}
    {%- endif -%}
{%- endmacro %}

{% macro mysql__cf_window_condition(windows, alias, bounds) -%}
    and {{ cf_window_ranges(windows, alias, **bounds) }}
{%- endmacro %}

{% macro mariadb__cf_window_condition(windows, alias, bounds) -%}
    {{ return(mysql__cf_window_condition(windows, alias, bounds)) }}
{%- endmacro %}

{#- The windows as constants, read when the model is compiled.
    Args: hour_column (what lies in the window: whole hours), time_column (a timestamp in its place), hours_before
    (context wanted before the window), bars_before (context counted in bars, by bar_number), start (the column of
    the windows that they begin with), most_ranges (past which one range from the earliest start on is written). -#}
{% macro cf_window_ranges(
    windows, alias=none, hour_column='bar_hour', time_column=none, hours_before=0, bars_before=none,
    start='refresh_from_hour', most_ranges=none
) -%}
    {%- set prefix = alias ~ '.' if alias else '' -%}
    {%- set start = start if bars_before is none else 'state_bar_number' -%}
    {%- set symbols_by_start = {} -%}
    {%- if execute and windows -%}
        {%- for window in run_query('select symbol, coalesce(' ~ start ~ ', 0) from ' ~ windows ~ ' order by symbol') -%}
            {%- do symbols_by_start.setdefault(window[1] | int, []).append("'" ~ window[0] ~ "'") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set ranges = [] -%}
    {%- set is_bounded = most_ranges is none or symbols_by_start | length <= most_ranges -%}
    {%- if not is_bounded -%}
        {%- set symbols_by_start = {symbols_by_start.keys() | min: []} -%}
    {%- endif -%}
    {%- for start, symbols in symbols_by_start.items() -%}
        {%- set first = [start - hours_before, 0] | max -%}
        {%- if bars_before is not none -%}
            {%- set since = prefix ~ 'bar_number > ' ~ (start - bars_before) -%}
        {%- elif time_column -%}
            {%- set since = prefix ~ time_column ~ ' >= ' ~ cf_from_epoch_hours(first) -%}
        {%- else -%}
            {%- set since = prefix ~ hour_column ~ ' >= ' ~ first -%}
        {%- endif -%}
        {%- do ranges.append((prefix ~ 'symbol in (' ~ symbols | join(', ') ~ ') and ' if symbols else '') ~ since) -%}
    {%- endfor -%}
    {%- if not ranges -%}
    1 = 0
    {%- else -%}
    ({{ ranges | join(' or ') }})
    {%- endif -%}
{%- endmacro %}
