{#- Rows a test reads: all of them, or, with the var `test_scope: batch`, those this run wrote (an hourly
    run's tests then cost what the hour cost). Models without a bar time are always read whole. -#}
{% macro cf_test_rows(model) -%}
    {%- if var('test_scope', 'all') == 'batch' -%}
    (
        select *
        from {{ model }}
        where timestamp_iso >= {{ cf_from_epoch_hours(
            '(select min(refresh_from_hour) from ' ~ ref('int_refresh__windows') ~ ')'
        ) }}
    ) as tested
    {%- else -%}
    {{ model }} as tested
    {%- endif -%}
{%- endmacro %}

{#- Fails for every key that stands more than once, or that holds a NULL (NULL keys never match in a merge).
    Args: columns (the key), batch (false for models without timestamp_iso). -#}
{% test cf_unique_combination(model, columns, batch=true) %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
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
    {%- set or_equal = '=' if is_inclusive else '' %}
    select {{ column_name }}
    from {{ cf_test_rows(model) if batch else model ~ ' as tested' }}
    where
        {{ column_name }} is not null
        and not (
            {{ column_name }} >{{ or_equal }} {{ min_value if min_value is not none else '-1e300' }}
            and {{ column_name }} <{{ or_equal }} {{ max_value if max_value is not none else '1e300' }}
        )
{% endtest %}
