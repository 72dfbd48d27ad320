{#- Publication of the mart. The candidate says what it is in its table comment: `all` rows, or those of the refresh
    `window`; without one of these it was published before or not finished, and is refused.
    - all: the candidate takes the mart's place in one step, the mart so far is kept for `rollback`;
    - window: these rows are deleted and inserted in one transaction.
    Readers see the mart before or after, never between, and nothing that has not passed the candidate's tests. -#}
{% materialization published, default %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set candidate = ref('int_features__candidate') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set content = cf_table_comment(candidate) -%}

    {% do run_query(cf_session()) if cf_session() | trim %}
    {% if content == 'window' and existing is not none %}
        {% set columns = cf_checked_columns(candidate, target_relation) %}
        {% call statement('clear') %}
            {{ cf_clear_mart_window(target_relation) }}
        {% endcall %}
        {% call statement('main') %}
            insert into {{ target_relation }} ({{ columns }})
            select {{ columns }}
            from {{ candidate }}
        {% endcall %}
        {% do adapter.commit() %}
    {% elif content == 'all' %}
        {% do cf_publish_all(candidate, target_relation, existing, sql) %}
    {% else %}
        {{ exceptions.raise_compiler_error(
            candidate ~ " holds nothing to publish; build it with the mart: `dbt build --select "
            ~ "int_features__candidate+`"
        ) }}
    {% endif %}
    {% do cf_comment_table(candidate, 'published') %}
    {% do adapter.commit() %}
    {{ return({'relations': [target_relation]}) }}
{% endmaterialization %}

{#- Post-hook of the candidate: from here on it may be published. -#}
{% macro cf_mark_candidate(relation) -%}
    {%- if execute -%}
        {%- do cf_comment_table(relation, 'window' if cf_is_increment() else 'all') -%}
    {%- endif -%}
{%- endmacro %}

{#- The version that the last full publication replaced. -#}
{% macro cf_previous(relation) -%}
    {{ return(adapter.dispatch('cf_previous', 'crypto_features')(relation)) }}
{%- endmacro %}

{% macro duckdb__cf_previous(relation) -%}
    {{ return(cf_beside(relation, 'previous')) }}
{%- endmacro %}

{% macro mysql__cf_previous(relation) -%}
    {{ return(relation.incorporate(path={'schema': generate_schema_name('marts_previous', none)})) }}
{%- endmacro %}

{% macro mariadb__cf_previous(relation) -%}
    {{ return(mysql__cf_previous(relation)) }}
{%- endmacro %}

{% macro cf_publish_all(candidate, target_relation, existing, sql) -%}
    {{ return(adapter.dispatch('cf_publish_all', 'crypto_features')(candidate, target_relation, existing, sql)) }}
{%- endmacro %}

{#- One transaction: nobody sees the name without its table. -#}
{% macro duckdb__cf_publish_all(candidate, target_relation, existing, sql) -%}
    {%- set previous = cf_previous(target_relation) -%}
    {%- if existing is not none -%}
        {%- call statement('drop_previous') -%} drop table if exists {{ previous }} {%- endcall -%}
        {%- call statement('keep') -%}
        alter {{ existing.type }} {{ existing }} rename to {{ previous.identifier }}
        {%- endcall -%}
    {%- endif -%}
    {%- call statement('main') -%}
        {{ create_table_as(false, target_relation, sql) }}
    {%- endcall -%}
    {%- call statement('empty') -%} delete from {{ candidate }} {%- endcall -%}
    {%- do adapter.commit() -%}
{%- endmacro %}

{#- One rename of both tables. The candidate's name gets an empty table of the same columns again. -#}
{% macro mysql__cf_publish_all(candidate, target_relation, existing, sql) -%}
    {%- set previous = cf_previous(target_relation) -%}
    {%- do get_assert_columns_equivalent(sql) -%}
    {%- do create_schema(previous) -%}
    {%- do run_query('drop table if exists ' ~ previous) -%}
    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}
    {%- do cf_take_turn() -%}
    {%- call statement('main') -%}
        rename table
        {%- if existing is not none and existing.is_table %} {{ target_relation }} to {{ previous }}, {% endif %}
            {{ candidate }} to {{ target_relation }}
    {%- endcall -%}
    {%- do cf_end_turn() -%}
    {%- do run_query('create table ' ~ candidate ~ ' like ' ~ target_relation) -%}
{%- endmacro %}

{% macro mariadb__cf_publish_all(candidate, target_relation, existing, sql) -%}
    {{ return(mysql__cf_publish_all(candidate, target_relation, existing, sql)) }}
{%- endmacro %}

{% macro cf_comment_table(relation, text) -%}
    {{ return(adapter.dispatch('cf_comment_table', 'crypto_features')(relation, text)) }}
{%- endmacro %}

{% macro duckdb__cf_comment_table(relation, text) -%}
    {%- call statement('comment') -%} comment on table {{ relation }} is '{{ text }}' {%- endcall -%}
{%- endmacro %}

{% macro mysql__cf_comment_table(relation, text) -%}
    {%- call statement('comment') -%} alter table {{ relation }} comment = '{{ text }}' {%- endcall -%}
{%- endmacro %}

{% macro mariadb__cf_comment_table(relation, text) -%}
    {{ return(mysql__cf_comment_table(relation, text)) }}
{%- endmacro %}

{% macro cf_table_comment(relation) -%}
    {{ return(adapter.dispatch('cf_table_comment', 'crypto_features')(relation)) }}
{%- endmacro %}

{% macro duckdb__cf_table_comment(relation) -%}
    {%- set found = run_query(
        "select comment from duckdb_tables() where database_name = '" ~ relation.database ~ "' and schema_name = '"
        ~ relation.schema ~ "' and table_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(found[0][0] if found | length else none) }}
{%- endmacro %}

{% macro mysql__cf_table_comment(relation) -%}
    {%- set found = run_query(
        "select table_comment from information_schema.tables where table_schema = '" ~ relation.schema
        ~ "' and table_name = '" ~ relation.identifier ~ "'"
    ) -%}
    {{ return(found[0][0] if found | length else none) }}
{%- endmacro %}

{% macro mariadb__cf_table_comment(relation) -%}
    {{ return(mysql__cf_table_comment(relation)) }}
{%- endmacro %}

{#- `dbt run-operation rollback`: the mart and the version kept of it change places, and the record of what was built
    is emptied, so that the next build makes and tests everything again before it replaces the mart. -#}
{% macro rollback() -%}
    {%- set mart = api.Relation.create(
        database=target.database, schema=generate_schema_name('marts', none),
        identifier='ml_features_materialized', type='table'
    ) -%}
    {%- set previous = cf_previous(mart) -%}
    {%- if adapter.get_relation(mart.database, previous.schema, previous.identifier) is none -%}
        {{ exceptions.raise_compiler_error('No previous version: ' ~ previous ~ ' does not exist') }}
    {%- endif -%}
    {%- do cf_swap(mart, previous) -%}
    {%- set completed = cf_carried_state('int_refresh__completed') -%}
    {%- if completed is not none -%}
        {%- call statement('forget') -%} delete from {{ completed }} {%- endcall -%}
    {%- endif -%}
    {%- do adapter.commit() -%}
    {%- do log(mart ~ ' is the previous version again; the next build replaces it once tested', info=true) -%}
{%- endmacro %}

{% macro cf_swap(mart, previous) -%}
    {{ return(adapter.dispatch('cf_swap', 'crypto_features')(mart, previous)) }}
{%- endmacro %}

{% macro duckdb__cf_swap(mart, previous) -%}
    {%- set aside = cf_beside(mart, 'aside') -%}
    {%- call statement('aside') -%} alter table {{ mart }} rename to {{ aside.identifier }} {%- endcall -%}
    {%- call statement('back') -%} alter table {{ previous }} rename to {{ mart.identifier }} {%- endcall -%}
    {%- call statement('keep') -%} alter table {{ aside }} rename to {{ previous.identifier }} {%- endcall -%}
{%- endmacro %}

{% macro mysql__cf_swap(mart, previous) -%}
    {%- set aside = cf_beside(previous, 'aside') -%}
    {%- call statement('swap') -%}
        rename table {{ mart }} to {{ aside }}, {{ previous }} to {{ mart }}, {{ aside }} to {{ previous }}
    {%- endcall -%}
{%- endmacro %}

{% macro mariadb__cf_swap(mart, previous) -%}
    {{ return(mysql__cf_swap(mart, previous)) }}
{%- endmacro %}
