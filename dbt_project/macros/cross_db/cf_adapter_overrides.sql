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

{% macro cf_cast_type(data_type) -%}
    {{ return(data_type | lower | replace('varchar', 'char') | replace('bigint', 'signed')) }}
{%- endmacro %}
