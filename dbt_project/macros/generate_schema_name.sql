{#- Names every schema <prefix>_<layer>, or <prefix>_<build_tag>_<layer> for a build set apart. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- set parts = [target.schema] -%}
    {%- if var('build_tag') -%}{%- do parts.append(var('build_tag')) -%}{%- endif -%}
    {%- if custom_schema_name -%}{%- do parts.append(custom_schema_name | trim) -%}{%- endif -%}
    {{- parts | join('_') -}}
{%- endmacro %}
