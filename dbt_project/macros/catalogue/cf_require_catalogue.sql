{#- The entries of the feature catalogue that every column of the mart has in its YAML `meta`. -#}
{% macro cf_catalogue_keys() -%}
    {{ return([
        'group', 'formula', 'parameters', 'seed_rule', 'warm_up', 'null_rule', 'unit', 'range', 'source',
        'availability', 'reference',
    ]) }}
{%- endmacro %}

{#- Ends the build where a column lacks an entry of the feature catalogue, naming both. `parameters` may be an empty
    mapping and `range` null: nothing to set, no bounds.
    Args: columns (the model's columns as its YAML gives them). -#}
{% macro cf_require_catalogue(columns) -%}
    {%- if execute -%}
        {%- for column in columns.values() -%}
            {%- for key in cf_catalogue_keys() -%}
                {%- set entry = column.meta.get(key, '') -%}
                {%- if key not in column.meta or (not entry and key not in ['parameters', 'range']) -%}
                    {{ exceptions.raise_compiler_error(
                        "column " ~ column.name ~ " has no '" ~ key ~ "' in its catalogue entry: write it into the "
                        ~ "column's meta in the model's YAML file (docs/features.md is made from it)"
                    ) }}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
