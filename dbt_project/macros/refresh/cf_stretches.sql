{#- CTEs that put the intervals of several metrics side by side: one row per stretch of hours in which none of them
    changes. Expanded to hours, a stretch costs one row per hour, not one per hour and metric.
    Args:
        intervals: CTE with symbol, metric, from_hour, to_hour (the hour after the last), fact_value; those of one
            metric do not overlap.
        columns: mapping of metric to column.
    Gives the CTE `stretches`: symbol, from_hour, to_hour (NULL after the last change), the columns. -#}
{% macro cf_stretches(intervals, columns) -%}
    changes as (
        select
            symbol,
            from_hour as change_hour,
            metric,
            fact_value
        from {{ intervals }}
        union all
        select
            symbol,
            to_hour as change_hour,
            metric,
            {{ cf_null_double() }} as fact_value
        from {{ intervals }}
    ),

    {#- where one interval ends and the next begins, the one that begins has the value -#}
    by_hour as (
        select
            symbol,
            change_hour,
            {% for metric, column in columns.items() -%}
            max(case when metric = '{{ metric }}' then fact_value end) as {{ column }},
            max(case when metric = '{{ metric }}' then 1 else 0 end) as {{ column }}_changes,
            {% endfor -%}
            lead(change_hour) over (partition by symbol order by change_hour) as next_hour
        from changes
        group by symbol, change_hour
    ),

    parted as (
        select
            {% for column in columns.values() -%}
            sum(by_hour.{{ column }}_changes) over in_order as {{ column }}_part,
            {% endfor -%}
            by_hour.*
        from by_hour
        window in_order as (
            partition by by_hour.symbol
            order by by_hour.change_hour
            rows between unbounded preceding and current row
        )
    ),

    stretches as (
        select
            symbol,
            {% for column in columns.values() -%}
            max({{ column }}) over (partition by symbol, {{ column }}_part) as {{ column }},
            {% endfor -%}
            change_hour as from_hour,
            next_hour as to_hour
        from parted
    )
{%- endmacro %}
