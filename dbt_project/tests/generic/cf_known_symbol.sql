{#- Fails for every symbol that seeds/assets.csv does not have: an incremental run would leave it out.
    Args: since, as in cf_unique_in_window. -#}
{% test cf_known_symbol(model, column_name, since='bar_hour') %}
    {%- set floor = '(select min(refresh.refresh_from_hour) from ' ~ ref('int_refresh__windows') ~ ' as refresh)' %}
    select
        tested.{{ column_name }},
        count(*) as row_count
    from {{ model }} as tested
    left join {{ ref('assets') }} as assets
        on tested.{{ column_name }} = assets.symbol
    where
        assets.symbol is null
        {% if var('test_scope', 'all') == 'batch' -%}
        and tested.{{ since }} >= {{ floor if since == 'bar_hour' else cf_from_epoch_hours(floor) }}
        {%- endif %}
    group by tested.{{ column_name }}
{% endtest %}
