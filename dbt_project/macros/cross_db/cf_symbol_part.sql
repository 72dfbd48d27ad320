{#- Condition that keeps one part of the symbols, where a full build goes part by part (config symbol_parts). MySQL
    writes the rows of a window to a temporary table for each frame: past `server_memory_mb` it does so on disk, which
    is slower. The materialization sets the part and builds them one after the other; the other engines, which
    have no such step, and increments, which are small, take all symbols at once.
    Args: alias of the relation with the symbol. -#}
{% macro cf_symbol_part(alias) -%}
    {%- set parts = cf_symbol_parts() -%}
    {{ 'crc32(' ~ alias ~ '.symbol) % ' ~ parts ~ ' = @cfw_symbol_part' if parts > 1 else '1 = 1' }}
{%- endmacro %}

{% macro cf_symbol_parts() -%}
    {{ return(adapter.dispatch('cf_symbol_parts', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_symbol_parts() -%}
    {{ return(1) }}
{%- endmacro %}

{% macro mysql__cf_symbol_parts() -%}
    {%- set parts = config.get('symbol_parts') -%}
    {{ return(parts if parts and not cf_is_increment() else 1) }}
{%- endmacro %}

{% macro mariadb__cf_symbol_parts() -%}
    {{ return(1) }}
{%- endmacro %}
