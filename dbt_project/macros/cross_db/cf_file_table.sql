{#- Tables, incremental tables and views in a DuckDB file. Replacing is one transaction there, so nothing is built
    beside and renamed: an hourly run replaces 40 small ones, and each statement less of each is time won. An increment
    is deleted (by the pre-hooks) and inserted in one transaction. -#}
{% materialization table, adapter='duckdb' %}
    {{ return(cf_file_relation('table')) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb' %}
    {{ return(cf_file_relation('table', incremental=true)) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(cf_file_relation('view')) }}
{% endmaterialization %}

{% macro cf_file_relation(type, incremental=false) %}
    {%- set target_relation = this.incorporate(type=type) -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set in_place = incremental and existing is not none and existing.is_table and not should_full_refresh() -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if in_place %}
        {% set increment = make_temp_relation(target_relation) %}
        {% do run_query(create_table_as(True, increment, sql)) %}
        {% set columns = cf_checked_columns(increment, target_relation) %}
        {% call statement('main') %}
            insert into {{ target_relation }} ({{ columns }})
            select {{ columns }}
            from {{ increment }}
        {% endcall %}
    {% else %}
        {% call statement('main') %}
            drop {{ existing.type if existing is not none else type }} if exists {{ target_relation }};
            {{ create_table_as(False, target_relation, sql) if type == 'table' else create_view_as(target_relation, sql) }}
        {% endcall %}
    {% endif %}

    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}
