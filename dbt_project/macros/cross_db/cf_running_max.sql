{#- CTEs that give facts with the largest event_hour of their series up to from_hour, as newest_event_hour.
    Args: name (of the last CTE), facts (CTE with the keys, event_hour, from_hour, until_hour, fact_value),
    keys (comma list of the columns that name a series), condition (on the facts). -#}
{% macro cf_running_max(name, facts, keys, condition) -%}
    {{ return(adapter.dispatch('cf_running_max', 'crypto_features')(name, facts, keys, condition)) }}
{%- endmacro %}

{% macro duckdb__cf_running_max(name, facts, keys, condition) -%}
    {{ name }} as (
        select
            {{ keys }},
            event_hour,
            from_hour,
            until_hour,
            fact_value,
            max(event_hour) over (
                partition by {{ keys }}
                order by from_hour
                rows between unbounded preceding and current row
            ) as newest_event_hour
        from {{ facts }}
        where {{ condition }}
    )
{%- endmacro %}

{#- MariaDB takes a running maximum anew for every row: its cost is the square of the history. So: the maximum inside
    blocks of 64 hours, and over the blocks before. -#}
{% macro mariadb__cf_running_max(name, facts, keys, condition) -%}
    {%- set block = 'from_hour div 64' -%}
    {{ name }}_blocks as (
        select
            {{ keys }},
            {{ block }} as block_number,
            max(event_hour) as newest_in_block
        from {{ facts }}
        where {{ condition }}
        group by {{ keys }}, {{ block }}
    ),

    {{ name }}_before as (
        select
            {{ keys }},
            block_number,
            max(newest_in_block) over (
                partition by {{ keys }}
                order by block_number
                rows between unbounded preceding and 1 preceding
            ) as newest_before
        from {{ name }}_blocks
    ),

    {{ name }}_inside as (
        select
            {{ keys }},
            event_hour,
            from_hour,
            until_hour,
            fact_value,
            {{ block }} as block_number,
            max(event_hour) over (
                partition by {{ keys }}, {{ block }}
                order by from_hour
                rows between unbounded preceding and current row
            ) as newest_inside
        from {{ facts }}
        where {{ condition }}
    ),

    {{ name }} as (
        select
            {% for key in keys.split(', ') -%}
            inside.{{ key }},
            {% endfor -%}
            inside.event_hour,
            inside.from_hour,
            inside.until_hour,
            inside.fact_value,
            greatest(inside.newest_inside, coalesce(earlier.newest_before, inside.newest_inside))
                as newest_event_hour
        from {{ name }}_inside as inside
        inner join {{ name }}_before as earlier
            on
                {% for key in keys.split(', ') -%}
                inside.{{ key }} = earlier.{{ key }}
                and {% endfor -%}
                inside.block_number = earlier.block_number
    )
{%- endmacro %}

{% macro mysql__cf_running_max(name, facts, keys, condition) -%}
    {{ return(duckdb__cf_running_max(name, facts, keys, condition)) }}
{%- endmacro %}
