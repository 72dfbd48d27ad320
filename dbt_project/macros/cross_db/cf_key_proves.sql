{#- True where the stored table's own primary key lies within the columns: the engine then holds no duplicate of them,
    and a test need not look for one. False for views, and where no key was made: there the rows are read.
    Args: relation, columns (the key under test). -#}
{% macro cf_key_proves(relation, columns) -%}
    {%- set key = adapter.dispatch('cf_primary_key', 'crypto_features')(relation) if execute else [] -%}
    {{ return(key | length > 0 and key | reject('in', columns) | list | length == 0) }}
{%- endmacro %}

{#- Tables of the embedded engine have no keys. -#}
{% macro duckdb__cf_primary_key(relation) -%}
    {{ return([]) }}
{%- endmacro %}

{% macro mysql__cf_primary_key(relation) -%}
    {%- set found = run_query(
        "select column_name from information_schema.statistics where index_name = 'PRIMARY' and table_schema = '"
        ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(found.columns[0].values() | list) }}
{%- endmacro %}

{% macro mariadb__cf_primary_key(relation) -%}
    {{ return(mysql__cf_primary_key(relation)) }}
{%- endmacro %}
