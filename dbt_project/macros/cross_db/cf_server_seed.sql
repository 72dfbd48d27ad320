{#- Seeds on MySQL and MariaDB: with a primary key (config `table_key`), `true` and `false` of boolean columns as 1 and
    0, and new rows in place of the old ones in one transaction (a truncate would commit in between). -#}
{% macro mysql__create_csv_table(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set create_sql -%}
    create table {{ this }} (
        {%- for name in agate_table.column_names %}
        {{ adapter.quote(name) }} {{ types.get(name) or adapter.convert_type(agate_table, loop.index0) }},
        {%- endfor %}
        primary key ({{ model['config']['table_key'] | join(', ') }})
    )
    default character set utf8mb4 collate utf8mb4_bin
    {%- endset -%}
    {%- do run_query(create_sql) -%}
    {{ return(create_sql) }}
{%- endmacro %}

{% macro mysql__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {%- if full_refresh -%}
        {%- do adapter.drop_relation(old_relation) -%}
        {{ return(create_csv_table(model, agate_table)) }}
    {%- endif -%}
    {%- set clear_sql = 'delete from ' ~ old_relation -%}
    {%- call statement('clear') -%}{{ clear_sql }}{%- endcall -%}
    {{ return(clear_sql) }}
{%- endmacro %}

{% macro mysql__load_csv_rows(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set names = agate_table.column_names -%}
    {%- set values = [] -%}
    {%- for row in agate_table.rows -%}
        {%- for name in names -%}
            {%- set is_boolean = types.get(name) == 'boolean' and row[name] is not none -%}
            {%- do values.append((row[name] | string | lower == 'true') | int if is_boolean else row[name]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set places = '(' ~ (['%s'] * (names | length)) | join(', ') ~ ')' -%}
    {%- set insert_sql = 'insert into ' ~ this ~ ' (' ~ cf_quoted_list(names) ~ ') values '
        ~ ([places] * (agate_table.rows | length)) | join(', ') -%}
    {%- do adapter.add_query(insert_sql, bindings=values, abridge_sql_log=True) -%}
    {{ return(insert_sql) }}
{%- endmacro %}

{% macro mariadb__create_csv_table(model, agate_table) -%}
    {{ return(mysql__create_csv_table(model, agate_table)) }}
{%- endmacro %}

{% macro mariadb__reset_csv_table(model, full_refresh, old_relation, agate_table) -%}
    {{ return(mysql__reset_csv_table(model, full_refresh, old_relation, agate_table)) }}
{%- endmacro %}

{% macro mariadb__load_csv_rows(model, agate_table) -%}
    {{ return(mysql__load_csv_rows(model, agate_table)) }}
{%- endmacro %}
