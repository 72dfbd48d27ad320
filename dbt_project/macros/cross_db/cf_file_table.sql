{#- Tables and views in a DuckDB file. Replacing is one transaction there, so nothing is built beside and renamed: an
    hourly run replaces 40 small ones, and each statement less of each is time won. -#}
{% materialization table, adapter='duckdb' %}
    {{ return(cf_file_relation('table')) }}
{% endmaterialization %}

{% materialization view, adapter='duckdb' %}
    {{ return(cf_file_relation('view')) }}
{% endmaterialization %}

{% macro cf_file_relation(type) %}
    {%- set target_relation = this.incorporate(type=type) -%}
    {%- set existing = load_cached_relation(this) -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement('main') %}
        drop {{ existing.type if existing is not none else type }} if exists {{ target_relation }};
        {{ create_table_as(False, target_relation, sql) if type == 'table' else create_view_as(target_relation, sql) }}
    {% endcall %}

    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}
