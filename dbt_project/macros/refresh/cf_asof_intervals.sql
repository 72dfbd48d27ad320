{#- CTEs that turn facts into the intervals of bar hours in which each is the one to use: the fact with the
    latest event among those available at the bar's close, in its version of that moment.
    Args:
        facts: CTE with the key columns, event_hour (what it is about), from_hour (first bar that may use
            it), until_hour (hour after the last bar that may use it), available_at, loaded_at, fact_value.
        key: columns that name one series, e.g. ['symbol', 'metric'].
    Gives the CTE `intervals`: key columns, event_hour, fact_value, from_hour, to_hour.
    A late fact about an earlier event than one already known changes nothing; a new version of the newest
    event replaces it from its own availability on. -#}
{% macro cf_asof_intervals(facts, key) -%}
    {%- set keys = key | join(', ') -%}
    one_per_hour as (
        select
            {{ keys }},
            event_hour,
            from_hour,
            until_hour,
            fact_value,
            row_number() over (
                partition by {{ keys }}, from_hour
                order by event_hour desc, available_at desc, loaded_at desc, fact_value desc
            ) as choice
        from {{ facts }}
    ),

    {{ cf_running_max('running', 'one_per_hour', keys, 'choice = 1') }},

    followed as (
        select
            {{ keys }},
            event_hour,
            from_hour,
            until_hour,
            fact_value,
            lead(from_hour) over (partition by {{ keys }} order by from_hour) as next_from_hour
        from running
        where event_hour = newest_event_hour
    ),

    intervals as (
        select
            {{ keys }},
            event_hour,
            fact_value,
            from_hour,
            case when next_from_hour < until_hour then next_from_hour else until_hour end as to_hour
        from followed
    )
{%- endmacro %}

{#- The hour after the newest bar: intervals end here at the latest. By symbol first: that is one look into the
    primary key per symbol. -#}
{% macro cf_horizon() -%}
    (
        select max(newest.bar_hour) + 1
        from (
            select max(bars.bar_hour) as bar_hour
            from {{ ref('int_prices__bars') }} as bars
            group by bars.symbol
        ) as newest
    )
{%- endmacro %}

{#- The first and the last bar of each symbol, for a join: symbol, first_hour, last_hour. Grouped twice: the inner
    grouping alone is a skip through the primary key, but MariaDB would move a join's symbols into it (lateral derived)
    and then read every bar of each. -#}
{% macro cf_bar_spans() -%}
    (
        select
            spans.symbol,
            min(spans.first_hour) as first_hour,
            max(spans.last_hour) as last_hour
        from (
            select
                bars.symbol,
                min(bars.bar_hour) as first_hour,
                max(bars.bar_hour) as last_hour
            from {{ ref('int_prices__bars') }} as bars
            group by bars.symbol
        ) as spans
        group by spans.symbol
    )
{%- endmacro %}

{#- Select of intervals cut to what this run writes: from the refresh window on (of the symbol, or the
    earliest one for market-wide facts) and up to the newest bar; those of a symbol to its own bars, for nothing
    reads an hour before the first or after the last. Empty intervals fall out. -#}
{% macro cf_clipped_intervals(intervals, key, by_symbol=true) -%}
    {%- set windows = ref('int_refresh__windows') -%}
    select
        {% for column in key -%}
        cut.{{ column }},
        {% endfor -%}
        cut.event_hour,
        cut.fact_value,
        cut.from_hour,
        cut.to_hour
    from (
        select
            {% for column in key -%}
            spans.{{ column }},
            {% endfor -%}
            spans.event_hour,
            spans.fact_value,
            {% if is_incremental() and by_symbol -%}
            greatest(spans.from_hour, traded.first_hour, refresh.refresh_from_hour) as from_hour,
            {%- elif by_symbol -%}
            greatest(spans.from_hour, traded.first_hour) as from_hour,
            {%- elif is_incremental() -%}
            greatest(spans.from_hour, {{ cf_market_floor() }}) as from_hour,
            {%- else -%}
            spans.from_hour,
            {%- endif %}
            least(spans.to_hour, {{ 'traded.last_hour + 1' if by_symbol else cf_horizon() }}) as to_hour
        from {{ intervals }} as spans
        {%- if by_symbol %}
        inner join {{ cf_bar_spans() }} as traded
            on spans.symbol = traded.symbol
        {%- endif %}
        {%- if is_incremental() and by_symbol %}
        inner join {{ windows }} as refresh
            on spans.symbol = refresh.symbol
        {%- endif %}
    ) as cut
    where cut.to_hour > cut.from_hour
{%- endmacro %}
