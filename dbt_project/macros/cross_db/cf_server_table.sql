{#- Tables, incremental tables and views on MySQL and MariaDB. The adapter's own renames the old table away before
    it builds the new one, ignores on_schema_change and knows no keys. Here
    - a table is built beside the old one, in parts where cf_symbol_part says so, and takes its place in one atomic
      rename,
    - an increment is deleted and inserted in one transaction,
    - config `table_key` and `table_indexes` (lists of columns) become the primary key and indexes; the other
      engines read neither. -#}
{% materialization table, adapter='mysql' %}
    {{ return(cf_server_table()) }}
{% endmaterialization %}

{% materialization table, adapter='mariadb' %}
    {{ return(cf_server_table()) }}
{% endmaterialization %}

{% materialization incremental, adapter='mysql' %}
    {{ return(cf_server_table(incremental=true)) }}
{% endmaterialization %}

{% materialization incremental, adapter='mariadb' %}
    {{ return(cf_server_table(incremental=true)) }}
{% endmaterialization %}

{% materialization view, adapter='mysql' %}
    {{ return(cf_server_view()) }}
{% endmaterialization %}

{% materialization view, adapter='mariadb' %}
    {{ return(cf_server_view()) }}
{% endmaterialization %}

{% macro cf_server_table(incremental=false) %}
    {%- set target_relation = this.incorporate(type='table') -%}
    {%- set existing = load_cached_relation(this) -%}
    {%- set in_place = incremental and existing is not none and existing.is_table and not should_full_refresh() -%}

    {% do run_query(cf_session()) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% if in_place %}
        {% set increment = make_temp_relation(target_relation) %}
        {% do run_query(cf_create_table(increment, sql, temporary=true)) %}
        {% set columns = cf_checked_columns(increment, target_relation) %}
        {% call statement('main') %}
            insert into {{ target_relation }} ({{ columns }})
            select {{ columns }}
            from {{ increment }}
        {% endcall %}
    {% else %}
        {% set next = cf_beside(target_relation, 'next') %}
        {% do run_query('drop table if exists ' ~ next) %}
        {% set parts = cf_symbol_parts() %}
        {% for part in range(parts) %}
            {% if parts > 1 %}
                {% do run_query('set @cfw_symbol_part = ' ~ part) %}
            {% endif %}
            {% call statement('main') %}
                {{ cf_create_table(next, sql) if loop.first else 'insert into ' ~ next ~ ' ' ~ sql }}
            {% endcall %}
        {% endfor %}
        {#- keys made from rows that are there are sorted once, not searched for every row -#}
        {% set indexes = config.get('table_indexes') or [] %}
        {% if indexes %}
            {% do run_query('alter table ' ~ next ~ cf_add_keys(indexes)) %}
        {% endif %}
        {#- the next model is planned within the second: the servers count a new table's rows only later -#}
        {% do run_query('analyze no_write_to_binlog table ' ~ next) %}
        {% do cf_take_place(next, target_relation, existing) %}
    {% endif %}

    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {% do adapter.commit() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}

{% macro cf_server_view() %}
    {%- set target_relation = this.incorporate(type='view') -%}
    {%- set existing = load_cached_relation(this) -%}

    {% do run_query(cf_session()) %}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {% if existing is not none and not existing.is_view %}
        {% do adapter.drop_relation(existing) %}
    {% endif %}
    {% do cf_take_turn() %}
    {% call statement('main') %}
        create or replace view {{ target_relation }} as
        {{ sql }}
    {% endcall %}
    {% do cf_end_turn() %}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target_relation]}) }}
{% endmacro %}

{#- A relation of the same schema named after another one. -#}
{% macro cf_beside(relation, suffix) -%}
    {{ return(relation.incorporate(path={'identifier': relation.identifier ~ '__' ~ suffix})) }}
{%- endmacro %}

{#- `create table ... as`, with the contract's columns where there is one, and the configured primary key. -#}
{% macro cf_create_table(relation, sql, temporary=false) -%}
    {%- set key = config.get('table_key') -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set lines = [] -%}
    {%- if has_contract -%}
        {%- do get_assert_columns_equivalent(sql) -%}
        {%- do lines.extend(adapter.render_raw_columns_constraints(raw_columns=model['columns'])) -%}
        {%- set sql = get_select_subquery(sql) -%}
    {%- elif config.get('columns_of') -%}
        {%- set contract = graph.nodes['model.' ~ project_name ~ '.' ~ config.get('columns_of')] -%}
        {%- do lines.extend(adapter.render_raw_columns_constraints(raw_columns=contract['columns'])) -%}
    {%- endif -%}
    {%- if key and not temporary -%}
        {%- do lines.append('primary key (' ~ key | join(', ') ~ ')') -%}
    {%- endif -%}
    create {{ 'temporary ' if temporary }}table {{ relation }}
    {%- if lines %} (
        {{ lines | join(',\n        ') }}
    )
    {%- endif %}
    default character set utf8mb4 collate utf8mb4_bin
    as
    {{ sql }}
{%- endmacro %}

{% macro cf_add_keys(indexes) -%}
    {%- for columns in indexes %} add key ({{ columns | join(', ') }}){{ ',' if not loop.last }}{% endfor -%}
{%- endmacro %}

{#- The stored table's columns, after a check that the model gives these and no others. -#}
{% macro cf_checked_columns(increment, target_relation) -%}
    {%- set given = adapter.get_columns_in_relation(increment) | map(attribute='name') | list -%}
    {%- set stored = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | list -%}
    {%- if given | sort != stored | sort -%}
        {%- set added = given | reject('in', stored) | join(', ') or 'none' -%}
        {%- set removed = stored | reject('in', given) | join(', ') or 'none' -%}
        {{ exceptions.raise_compiler_error(
            'The columns of ' ~ target_relation ~ ' changed (new: ' ~ added ~ '; gone: ' ~ removed
            ~ '): build it again with `dbt build --full-refresh`, readers keep the old table until the new one'
            ~ ' has passed its tests'
        ) }}
    {%- endif -%}
    {{ return(cf_quoted_list(stored)) }}
{%- endmacro %}

{% macro cf_quoted_list(names) -%}
    {%- set quoted = [] -%}
    {%- for name in names -%}{%- do quoted.append(adapter.quote(name)) -%}{%- endfor -%}
    {{ return(quoted | join(', ')) }}
{%- endmacro %}

{#- One atomic rename: readers see the old table or the new one. -#}
{% macro cf_take_place(next, target_relation, existing) -%}
    {%- do cf_take_turn() -%}
    {%- if existing is not none and existing.is_table -%}
        {%- set old = cf_beside(target_relation, 'old') -%}
        {%- do run_query('drop table if exists ' ~ old) -%}
        {%- do run_query(
            'rename table ' ~ target_relation ~ ' to ' ~ old ~ ', ' ~ next ~ ' to ' ~ target_relation
        ) -%}
        {%- do run_query('drop table ' ~ old) -%}
    {%- else -%}
        {%- if existing is not none -%}{%- do adapter.drop_relation(existing) -%}{%- endif -%}
        {%- do run_query('rename table ' ~ next ~ ' to ' ~ target_relation) -%}
    {%- endif -%}
    {%- do cf_end_turn() -%}
{%- endmacro %}

{#- Threads replace views and names of tables one after the other: each change also locks the views that read what it
    changes, and MySQL ends one of two that want each other's ("Deadlock found"). A turn is a moment. One that an error
    left open ends with its connection, or is passed over after 10 seconds. -#}
{% macro cf_take_turn() -%}
    {%- do run_query("select get_lock('" ~ cf_turn_name() ~ "', 10)") -%}
{%- endmacro %}

{% macro cf_end_turn() -%}
    {%- do run_query("select release_lock('" ~ cf_turn_name() ~ "')") -%}
{%- endmacro %}

{#- A lock's name may have 64 characters, and another warehouse of the server has turns of its own. -#}
{% macro cf_turn_name() -%}
    {{ return('cfw-names-' ~ local_md5(target.schema)) }}
{%- endmacro %}
