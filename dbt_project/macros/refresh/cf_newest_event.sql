{#- Select of the newest event of each stream of a raw table: check_name, subject, event_hour, max_age_hours. It is
    looked up by the keys first, so that an index gives the newest of each without the rows between.
    Args: stream, a mapping with table, by (columns that name a stream), key (the table's key up to the event, in the
    key's order, where that has more columns), event (its time or date), lasts (hours from there to its end), hours (the
    age allowed), only (a condition), timeless (true for a table without available_at). -#}
{% macro cf_newest_event(stream) -%}
    {%- set dated = stream.event in ['day', 'observation_date'] -%}
    {%- set keys = stream.get('key', stream.by) -%}
    select
        'freshness' as check_name,
        concat('{{ stream.table }}'{% for column in stream.by %}, ' ', newest.{{ column }}{% endfor %}) as subject,
        {{ cf_epoch_hours(cf_day_start('max(newest.event)') if dated else cf_utc('max(newest.event)')) }}
        + {{ stream.get('lasts', 0) }} as event_hour,
        {{ stream.hours }} as max_age_hours
    from (
        select
            {% for column in keys -%}
            landed.{{ column }},
            {% endfor -%}
            max(landed.{{ stream.event }}) as event
        from {{ source('raw', stream.table) }} as landed
        where
            {{ stream.get('only', '1 = 1') }}
            and {{ cf_visible('landed', has_available_at=not stream.get('timeless')) }}
        group by {% for column in keys %}landed.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    ) as newest
    group by {% for column in stream.by %}newest.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
