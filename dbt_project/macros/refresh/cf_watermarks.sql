{#- How far the raw tables have landed. New rows are those with a later `loaded_at` than the last completed
    build saw. One thing escapes that: a load that was interrupted, and finished after a build that came
    between, lands rows with their older `loaded_at`. So each build also counts the rows of its last two days;
    where the next build counts another number in the same stretch, it reads the whole stretch again. -#}

{#- How far a raw table has landed, and its rows in the two days up to there. No row for an empty table. -#}
{% macro cf_landed(raw_table) -%}
    select
        '{{ raw_table }}' as raw_table,
        newest.loaded_through,
        count(*) as recent_rows
    from (
        select max(loaded_at) as loaded_through from {{ source('raw', raw_table) }}
    ) as newest
    inner join {{ source('raw', raw_table) }} as recent
        on
            recent.loaded_at > {{ cf_recently_before('newest.loaded_through') }}
            and recent.loaded_at <= newest.loaded_through
    group by newest.loaded_through
{%- endmacro %}

{#- What the last completed build saw of a raw table, and the rows found now in the same stretch. -#}
{% macro cf_found_again(raw_table, completed) -%}
    select
        seen.raw_table,
        seen.loaded_through,
        seen.recent_rows,
        count(recent.loaded_at) as found_rows
    from {{ completed }} as seen
    left join {{ source('raw', raw_table) }} as recent
        on
            recent.loaded_at > {{ cf_recently_before('seen.loaded_through') }}
            and recent.loaded_at <= seen.loaded_through
    where seen.raw_table = '{{ raw_table }}'
    group by seen.raw_table, seen.loaded_through, seen.recent_rows
{%- endmacro %}

{% macro cf_recently_before(moment) -%}
    {{ moment }} - interval 48 hour
{%- endmacro %}

{% macro cf_long_before(moment) -%}
    {{ moment }} - interval 876000 hour
{%- endmacro %}
