{#- CTEs that give every row of a group the median of the group's other rows. All values are ranked once: taking one
    away moves the middle by one place at most, so nothing is sorted again for each row, and nothing joined: MariaDB
    makes a CTE anew each time it is named.
    Args: name (of the last CTE), relation (CTE or table), group (columns of a group), item (column that tells the rows
    of a group apart; it decides between equal values), value (a column that is never NULL).
    Gives the relation's columns, `other_count` (rows of the group besides this one) and `other_median` (NULL where there
    are none).
    Example: cf_leave_one_out('usual', 'measures', ['check_name', 'subject'], 'day_number', 'measured_value') -#}
{% macro cf_leave_one_out(name, relation, group, item, value) -%}
    {%- set sides = ['lower', 'upper', 'quarter'] -%}
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

    -- the places are those of the group: each row's own lies at one of them or at the next
    {{ name }}_picked as (
        select
            {{ name }}_ranked.*,
            {% for side in sides -%}
            max(case when place = {{ side }}_place then {{ value }} end) over by_group as {{ side }}_value,
            max(case when place = {{ side }}_place + 1 then {{ value }} end) over by_group
                as next_{{ side }}_value{{ ',' if not loop.last }}
            {% endfor %}
        from {{ name }}_ranked
        window by_group as (partition by {{ group | join(', ') }})
    ),

    {{ name }} as (
        select
            picked.*,
            (
                case when picked.lower_place >= picked.place then next_lower_value else lower_value end
                + case when picked.upper_place >= picked.place then next_upper_value else upper_value end
            ) / 2 as other_median,
            case when picked.quarter_place >= picked.place then next_quarter_value else quarter_value end
                as other_quartile
        from {{ name }}_picked as picked
    )
{%- endmacro %}
