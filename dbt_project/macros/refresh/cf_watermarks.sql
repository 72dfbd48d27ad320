{#- How far the raw tables have landed. New rows are those with a later `loaded_at` than the last completed
    build saw. One thing escapes that: a load that was interrupted, and finished after a build that came
    between, lands rows with their older `loaded_at`. So each build also counts the rows of its last two days;
    where the next build counts another number in the same stretch, it reads the whole stretch again. -#}

{#- The loads of a raw table and their rows: those of the two days up to the newest, and of the two days that the last
    completed build counted. Whole loads come in the order of an index; rows are looked at once.
    Args: raw_table, completed (the watermarks that build left behind; none where there are none). -#}
{% macro cf_recent_loads(raw_table, completed=none) -%}
    {%- set newest = '(select max(loaded_at) from ' ~ source('raw', raw_table) ~ ')' -%}
    select
        '{{ raw_table }}' as raw_table,
        loaded_at,
        count(*) as row_count
    from {{ source('raw', raw_table) }}
    where
        {% if completed is none -%}
        loaded_at > {{ cf_recently_before(newest) }}
        {%- else -%}
        loaded_at > {{ cf_recently_before('least(' ~ newest ~ ', coalesce((select seen.loaded_through from '
            ~ completed ~ " as seen where seen.raw_table = '" ~ raw_table ~ "'), " ~ newest ~ '))') }}
        {%- endif %}
    group by loaded_at
{%- endmacro %}

{#- Rows of the loads (landed: loaded_at, row_count) in the two days up to a moment. -#}
{% macro cf_rows_until(moment) -%}
    {{ cf_bigint(
        'sum(case when landed.loaded_at > ' ~ cf_recently_before(moment) ~ ' and landed.loaded_at <= ' ~ moment
        ~ ' then landed.row_count else 0 end)'
    ) }}
{%- endmacro %}

{% macro cf_recently_before(moment) -%}
    {{ moment }} - interval 48 hour
{%- endmacro %}

{% macro cf_long_before(moment) -%}
    {{ moment }} - interval 876000 hour
{%- endmacro %}
