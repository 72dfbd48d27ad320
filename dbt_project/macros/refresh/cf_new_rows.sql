{#- The earliest bar hour touched by the new rows of a raw table.
    Args:
        raw_table: the raw table whose new rows count.
        time_column: `bar_open_at` for bars (the bar itself), else `available_at` (the first bar that may
            use the fact).
        symbol: expression of the symbol it belongs to; none where it concerns every symbol.
        via, via_key: raw table of texts through which scores and mentions get their time.
    Rows later than this run's own watermark are left for the next run. -#}
{% macro cf_new_rows(raw_table, time_column, symbol=none, via=none, via_key=none) -%}
    {%- set marks = ref('int_refresh__watermarks') -%}
    {%- set timed = 'texts' if via else 'landed' -%}
    select
        '{{ raw_table }}' as raw_table,
        {{ symbol or cf_null_symbol() }} as symbol,
        {% if time_column == 'bar_open_at' -%}
        {{ cf_epoch_hours(cf_utc('min(landed.bar_open_at)')) }} as from_hour
        {%- else -%}
        {{ cf_first_bar_hour(cf_utc('min(' ~ timed ~ '.' ~ time_column ~ ')')) }} as from_hour
        {%- endif %}
    from {{ source('raw', raw_table) }} as landed
    {% if via -%}
    inner join {{ source('raw', via) }} as texts
        on landed.text_id = texts.{{ via_key }}
    {% endif -%}
    where
        landed.loaded_at > (
            select marks.read_from from {{ marks }} as marks where marks.raw_table = '{{ raw_table }}'
        )
        and landed.loaded_at <= (
            select marks.loaded_through from {{ marks }} as marks
            where marks.raw_table = '{{ raw_table }}'
        )
    {% if symbol -%}
    group by {{ symbol }}
    {%- endif %}
{%- endmacro %}
