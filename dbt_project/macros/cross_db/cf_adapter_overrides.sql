{#- Where dbt-mysql's own macros do not do: databases get the project's collation, and the empty schema of a contract
    is written with the types that `cast` knows on MySQL (it refuses varchar and bigint). -#}
{% macro mysql__create_schema(relation) -%}
    {%- call statement('create_schema') -%}
        create schema if not exists {{ relation.without_identifier() }}
        default character set utf8mb4 collate utf8mb4_bin
    {%- endcall -%}
{%- endmacro %}

{% macro mariadb__create_schema(relation) -%}
    {{ return(mysql__create_schema(relation)) }}
{%- endmacro %}

{% macro mysql__get_empty_schema_sql(columns) -%}
    select
    {%- for name, column in columns.items() %}
        cast(null as {{ cf_cast_type(column['data_type']) }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro mariadb__get_empty_schema_sql(columns) -%}
    {{ return(mysql__get_empty_schema_sql(columns)) }}
{%- endmacro %}

{#- The type of a contract as `cast` writes it on MySQL. -#}
{% macro cf_cast_type(data_type) -%}
    {%- set casts = {'varchar': 'char', 'text': 'char', 'bigint': 'signed', 'boolean': 'signed'} -%}
    {%- set name = data_type | lower -%}
    {%- set base = name.split('(')[0] -%}
    {{ return(name.replace(base, casts.get(base, base))) }}
{%- endmacro %}

{#- Contracts compare types as the driver names them, which is finer than a contract is: a boolean expression comes as
    INT or BIGINT, a text as VAR_STRING or BLOB by its length. -#}
{% macro mysql__format_column(column) -%}
    {%- set families = {
        'INTEGER': 'integer', 'TINY': 'integer', 'SHORT': 'integer', 'INT24': 'integer',
        'TEXT': 'text', 'BLOB': 'text', 'MEDIUM_BLOB': 'text', 'LONG_BLOB': 'text', 'TINY_BLOB': 'text',
    } -%}
    {%- set family = families.get(column.dtype, column.dtype) -%}
    {{ return({
        'name': column.name, 'data_type': column.dtype, 'formatted': column.column | lower ~ ' ' ~ family
    }) }}
{%- endmacro %}

{% macro mariadb__format_column(column) -%}
    {{ return(mysql__format_column(column)) }}
{%- endmacro %}
