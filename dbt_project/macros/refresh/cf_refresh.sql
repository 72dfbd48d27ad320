{#- What an incremental run works on. `int_refresh__windows` holds, per symbol with something new, the
    first hour to build again; every incremental model replaces its rows from that hour on and carries
    its state from the rows before it. -#}

{#- True where earlier results may be kept: neither a full refresh nor a build for a past moment. -#}
{% macro cf_keeps_state() -%}
    {{ return(not (flags.FULL_REFRESH or var('as_of') or var('loaded_as_of'))) }}
{%- endmacro %}

{#- The stored relation of a model that lies later in the graph, or none where there is none yet.
    A `ref` would be a cycle: this is the state the previous run left behind. -#}
{% macro cf_carried_state(identifier, layer='intermediate') -%}
    {%- if execute -%}
        {{ return(adapter.get_relation(
            database=target.database,
            schema=generate_schema_name(layer, none),
            identifier=identifier
        )) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{#- Pre-hooks of the incremental models: clear what this run writes again. -#}
{% macro cf_clear_window(hour_column='bar_hour') -%}
    {%- if is_incremental() -%}
        {{ cf_delete_window(this, ref('int_refresh__windows'), hour_column) }}
    {%- endif -%}
{%- endmacro %}

{% macro cf_clear_market(hour_column='bar_hour', hours_before=0) -%}
    {%- if is_incremental() -%}
    delete from {{ this }}
    where {{ hour_column }} >= {{ cf_market_floor() }} - {{ hours_before }}
    {%- endif -%}
{%- endmacro %}

{#- Join clause that keeps rows inside the refresh window of their symbol. Empty in a full build.
    Args: alias (the relation with the symbol), hours_before (context kept before the window), hour (the
    expression that must lie in the window, of another relation; the relation's own bar_hour by default),
    is_stored (the relation is a table, of which only these rows are to be read: by a range, so it is read
    before the windows; MariaDB would else read all rows of each symbol). -#}
{% macro cf_join_window(alias, hours_before=0, hour=none, is_stored=false) -%}
    {%- set windows = ref('int_refresh__windows') -%}
    {%- if cf_is_increment() -%}
    {{ cf_join_in_order() if is_stored else 'inner join' }} {{ windows }} as refresh
        on
            {{ alias }}.symbol = refresh.symbol
            and {{ hour or alias ~ '.bar_hour' }} >= refresh.refresh_from_hour - {{ hours_before }}
            {%- if hour %}
            -- said without a symbol too: it then holds before rows are looked up for the history
            and {{ hour }} >= (select min(every_symbol.refresh_from_hour) from {{ windows }} as every_symbol)
            - {{ hours_before }}
            {%- endif %}
            {%- if is_stored %}
            {{ cf_in_window(alias, hours_before=hours_before) }}
            {%- endif %}
    {%- endif -%}
{%- endmacro %}

{#- The first hour that market-wide models build again; 0 in a full build. -#}
{% macro cf_market_floor() -%}
    {%- set market = ref('int_refresh__market') -%}
    {%- if is_incremental() -%}
    (select market.refresh_from_hour from {{ market }} as market)
    {%- else -%}
    0
    {%- endif -%}
{%- endmacro %}

{#- True where a model reads the refresh windows only: the incremental models on their own state, and the mart's
    candidate (config columns_of) where a published mart stands whose build was completed. -#}
{% macro cf_is_increment() -%}
    {%- if not config.get('columns_of') -%}
        {{ return(is_incremental()) }}
    {%- endif -%}
    {%- set published = cf_carried_state(config.get('columns_of'), 'marts') if cf_keeps_state() else none -%}
    {%- set completed = cf_carried_state('int_refresh__completed') if cf_keeps_state() else none -%}
    {%- if published is none or completed is none -%}
        {{ return(false) }}
    {%- endif -%}
    {{ return(run_query('select count(*) from ' ~ completed)[0][0] > 0) }}
{%- endmacro %}
