{#- Fails for every symbol that seeds/assets.csv does not have: an incremental run would leave it out.
    Args: raw_table (the raw table that is tested): with `test_scope: batch` only what is new in it is read. Any other
    relation is read whole. -#}
{% test cf_known_symbol(model, column_name, raw_table=none) %}
    select
        found.{{ column_name }},
        found.row_count
    from (
        select
            tested.{{ column_name }},
            count(*) as row_count
        from {{ model }} as tested
        {% if raw_table and var('test_scope', 'all') == 'batch' -%}
        where
            tested.loaded_at > (
                select marks.read_from
                from {{ ref('int_refresh__watermarks') }} as marks
                where marks.raw_table = '{{ raw_table }}'
            )
        {%- endif %}
        group by tested.{{ column_name }}
    ) as found
    left join {{ ref('assets') }} as assets
        on found.{{ column_name }} = assets.symbol
    where assets.symbol is null
{% endtest %}
