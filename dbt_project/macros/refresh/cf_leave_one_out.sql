{#- CTEs that give every row of a group the median of the group's other rows. All values are ranked once: taking one
    away moves the middle by one place at most, so nothing is sorted again for each row.
    Args: name (of the last CTE), relation (CTE or table), group (columns of a group), item (column that tells the rows
    of a group apart; it decides between equal values), value (a column that is never NULL).
    Gives the relation's columns, `other_count` (rows of the group besides this one) and `other_median` (NULL where there
    are none).
    Example: cf_leave_one_out('usual', 'measures', ['check_name', 'subject'], 'day_number', 'measured_value') -#}
{% macro cf_leave_one_out(name, relation, group, item, value) -%}
    {{ name }}_ranked as (
        select
            ranked.*,
            {{ cf_floor_div('ranked.other_count + 1', 2) }} as lower_place,
            {{ cf_floor_div('ranked.other_count + 2', 2) }} as upper_place,
            {{ cf_floor_div('ranked.other_count + 3', 4) }} as quarter_place
        from (
            select
                given.*,
                row_number() over (
                    partition by {{ group | join(', ') }} order by {{ value }}, {{ item }}
                ) as place,
                count(*) over (partition by {{ group | join(', ') }}) - 1 as other_count
            from {{ relation }} as given
        ) as ranked
    ),

    {{ name }} as (
        select
            tested.*,
            (lower_one.{{ value }} + upper_one.{{ value }}) / 2 as other_median,
            quarter_one.{{ value }} as other_quartile
        from {{ name }}_ranked as tested
        {% for side in ['lower', 'upper', 'quarter'] -%}
        left join {{ name }}_ranked as {{ side }}_one
            on
                {% for column in group -%}
                tested.{{ column }} = {{ side }}_one.{{ column }}
                and {% endfor -%}
                tested.{{ side }}_place
                + case when tested.{{ side }}_place >= tested.place then 1 else 0 end = {{ side }}_one.place
        {% endfor %}
    )
{%- endmacro %}
