{#- An inner join whose left side is read first. MySQL and MariaDB may otherwise start with the cross product of two
    tables of numbers, which takes hours where this takes milliseconds. The right side is a table: MariaDB puts a CTE's
    own tables in its place and forgets the order.
    Example: from spans {{ cf_join_in_order() }} numbers on numbers.n < spans.length -#}
{% macro cf_join_in_order() -%}
    {{ return(adapter.dispatch('cf_join_in_order', 'crypto_features')()) }}
{%- endmacro %}

{% macro duckdb__cf_join_in_order() -%}
    inner join
{%- endmacro %}

{% macro mysql__cf_join_in_order() -%}
    straight_join
{%- endmacro %}

{% macro mariadb__cf_join_in_order() -%}
    {{ return(mysql__cf_join_in_order()) }}
{%- endmacro %}
