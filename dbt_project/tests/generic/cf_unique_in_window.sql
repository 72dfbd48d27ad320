{#- Fails for every key that stands more than once or holds a NULL. With `test_scope: batch` it looks only
    at rows from the earliest refreshed hour on, so that an hourly run's tests cost what the hour cost.
    Args: columns (the key), since (the column that places a row in time: `bar_hour`, or a naive UTC
    timestamp). -#}
{% test cf_unique_in_window(model, columns, since='bar_hour') %}
    {%- set floor = '(select min(refresh.refresh_from_hour) from ' ~ ref('int_refresh__windows') ~ ' as refresh)' %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    {% if var('test_scope', 'all') == 'batch' -%}
    where {{ since }} >= {{ floor if since == 'bar_hour' else cf_from_epoch_hours(floor) }}
    {%- endif %}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns -%}
        or {{ column }} is null
        {% endfor %}
{% endtest %}
