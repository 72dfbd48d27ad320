{#- SHA-256 of a text as 64 hexadecimal digits. MD5 is no choice: MySQL 9.6 moved it out of the server. -#}
{% macro cf_text_hash(text) -%}
    {{ return(adapter.dispatch('cf_text_hash', 'crypto_features')(text)) }}
{%- endmacro %}

{% macro duckdb__cf_text_hash(text) -%}
    sha256({{ text }})
{%- endmacro %}

{% macro mysql__cf_text_hash(text) -%}
    sha2({{ text }}, 256)
{%- endmacro %}

{% macro mariadb__cf_text_hash(text) -%}
    {{ return(mysql__cf_text_hash(text)) }}
{%- endmacro %}
