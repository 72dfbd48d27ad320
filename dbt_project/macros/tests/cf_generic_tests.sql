{#- Rows a test reads: all of them, or, with the var `test_scope: batch`, those this run wrote (an hourly
    run's tests then cost what the hour cost). Models without a symbol and a bar time are read whole. -#}
{% macro cf_test_rows(model) -%}
    {%- if var('test_scope', 'all') == 'batch' -%}
    (
        select written.*
        from {{ model }} as written
        inner join {{ ref('int_refresh__windows') }} as refresh
            on
                written.symbol = refresh.symbol
                and written.timestamp_iso >= {{ cf_from_epoch_hours('refresh.refresh_from_hour') }}
                {{ cf_window_condition(ref('int_refresh__windows'), 'written', time_column='timestamp_iso') }}
    ) as tested
    {%- else -%}
    {{ model }} as tested
    {%- endif -%}
{%- endmacro %}

{#- Fails for every key that stands more than once, or that holds a NULL (NULL keys never match in a merge).
    Where a primary key of the table proves it, nothing is read.
    Args: columns (the key), batch (false for models without timestamp_iso). -#}
{% test cf_unique_combination(model, columns, batch=true) %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    {% if cf_key_proves(model, columns) -%}
    from {{ model }} as tested
    where 1 = 0
    {%- else -%}
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
    {%- endif %}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns -%}
        or {{ column }} is null
        {% endfor %}
{% endtest %}

{#- Fails for every row on which the expression is false; NULL counts as true. -#}
{% test cf_expression_is_true(model, expression, batch=true) %}
    select *
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
    where not ({{ expression }})
{% endtest %}

{#- Fails for every value outside [min_value, max_value]; NULL is inside, NaN and infinity are outside. -#}
{% test cf_range(model, column_name, min_value=none, max_value=none, is_inclusive=true, batch=true) %}
    select {{ column_name }}
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
    where not ({{ cf_in_range(column_name, min_value, max_value, is_inclusive) }})
{% endtest %}

{#- Fails for every row with a value outside its column's range and names the first such column. One scan for
    all columns: a mart has too many for a query each.
    Args: ranges, {column: {min_value, max_value, is_inclusive, is_required}}; a required value is not NULL. -#}
{% test cf_ranges(model, ranges, batch=true) %}
    select
        tested.*,
        case
            {% for column, range in ranges.items() -%}
            when not ({{ cf_in_range(column, **range) }}) then '{{ column }}'
            {% endfor -%}
        end as column_out_of_range
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
    where
        {% for column, range in ranges.items() -%}
        {{ 'or ' if not loop.first }}not ({{ cf_in_range(column, **range) }})
        {% endfor %}
{% endtest %}

{% macro cf_in_range(column, min_value=none, max_value=none, is_inclusive=true, is_required=false) -%}
    {%- set or_equal = '=' if is_inclusive else '' -%}
    {%- set bounds -%}
        {{ column }} >{{ or_equal }} {{ min_value if min_value is not none else '-1e300' }}
        and {{ column }} <{{ or_equal }} {{ max_value if max_value is not none else '1e300' }}
    {%- endset -%}
    {%- if is_required -%}
    {{ column }} is not null and {{ bounds }}
    {%- else -%}
    {{ column }} is null or ({{ bounds }})
    {%- endif -%}
{%- endmacro %}
