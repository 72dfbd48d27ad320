{#- Settings of the connection that runs a model. dbt opens a connection per node, so a hook at the start of the
    run would not reach it: the materializations of this project send them first. -#}
{% macro cf_session() -%}
    {{ return(adapter.dispatch('cf_session', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_session() -%}
{%- endmacro %}

{#- High-precision windows compute every frame anew; without them a sum slides, as it does elsewhere. -#}
{% macro mysql__cf_session() -%}
    set {{ cf_server_settings() }},
        session transaction_isolation = 'READ-COMMITTED',
        session windowing_use_high_precision = off
{%- endmacro %}

{% macro mariadb__cf_session() -%}
    set {{ cf_server_settings() }},
        session tx_isolation = 'READ-COMMITTED'
{%- endmacro %}

{#- Read committed: a build must not lock the rows that the loader adds to. Division by zero is NULL (its mode is
    left out), a value that does not fit is an error. Without limits a statement would wait for a reader's open
    transaction for a day (MariaDB) or a year (MySQL). -#}
{% macro cf_server_settings() -%}
    session time_zone = '+00:00',
        session lock_wait_timeout = {{ env_var('CFW_MYSQL_LOCK_WAIT_SECONDS', '60') | int }},
        session innodb_lock_wait_timeout = {{ env_var('CFW_MYSQL_LOCK_WAIT_SECONDS', '60') | int }},
        session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION',
        session tmp_table_size = {{ var('server_memory_mb') }} * 1024 * 1024,
        session max_heap_table_size = {{ var('server_memory_mb') }} * 1024 * 1024
{%- endmacro %}
