{#- Fails for every key that stands more than once or holds a NULL. With `test_scope: batch` it looks only
    at rows from the earliest refreshed hour on (of the refreshed symbols, where the key has one), so that an hourly
    run's tests cost what the hour cost. Where a primary key of the table proves it, nothing is read.
    Args: columns (the key), since (the column that places a row in time: `bar_hour`, or a naive UTC
    timestamp), joins (models that a view joins on all of the key: their keys prove its own). -#}
{% test cf_unique_in_window(model, columns, since='bar_hour', joins=[]) %}
    {%- set windows = ref('int_refresh__windows') %}
    {%- set floor = '(select min(refresh.refresh_from_hour) from ' ~ windows ~ ' as refresh)' %}
    {%- set unproven = [] -%}
    {%- for stored in joins or [model] -%}
        {%- if not cf_key_proves(stored if stored is not string else ref(stored), columns) -%}
            {%- do unproven.append(stored) -%}
        {%- endif -%}
    {%- endfor %}
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }} as tested
    {% if unproven | length == 0 -%}
    where 1 = 0
    {%- elif var('test_scope', 'all') == 'batch' -%}
    where
        tested.{{ since }} >= {{ floor if since == 'bar_hour' else cf_from_epoch_hours(floor) }}
        {% if 'symbol' in columns and since != 'loaded_at' -%}
        {{ cf_window_condition(windows, 'tested', time_column=none if since == 'bar_hour' else since) }}
        {%- endif %}
    {%- endif %}
    group by {{ columns | join(', ') }}
    having
        count(*) > 1
        {% for column in columns -%}
        or {{ column }} is null
        {% endfor %}
{% endtest %}
