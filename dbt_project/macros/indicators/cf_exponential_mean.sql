{#- Exponential means without recursion. Bars are cut into blocks of `cf_block_bars()`; inside a block, with
    j counted from 0,
        local_j = (1 - a)^j * sum over i <= j of contribution_i * (1 - a)^-i
        mean_j  = local_j + (1 - a)^(j + 1) * carry
    and carry is the mean at the end of the block before. Over 512 bars the carry's own carry has shrunk
    below 1e-16 of its value for every alpha >= 1/14, so the end of a block follows from that block alone.
    One block for all history would overflow; a recursive query stops at 1,000 rows on MariaDB. -#}
{% macro cf_block_bars() -%}
    512
{%- endmacro %}

{#- What a bar adds: alpha * value; in a series that starts here the seed (simple mean of the first values)
    enters with full weight at the seed bar and nothing before it. -#}
{% macro cf_contribution(alpha, value, seed, seed_bar) -%}
    case
        when bars.start_bar > 1 or bars.bar_number > {{ seed_bar }} then {{ alpha }} * {{ value }}
        when bars.bar_number = {{ seed_bar }} then {{ seed }}
        else 0e0
    end
{%- endmacro %}

{#- local_j, as a window sum over the block so far (window name: so_far). -#}
{% macro cf_local_mean(alpha, contribution) -%}
    power(1 - {{ alpha }}, block_index)
    * sum({{ contribution }} * power(1 - {{ alpha }}, -block_index)) over so_far
{%- endmacro %}

{#- The mean at the end of a full block, as an aggregate over its bars. -#}
{% macro cf_block_mean(alpha, contribution) -%}
    sum({{ contribution }} * power(1 - {{ alpha }}, {{ cf_block_bars() }} - 1 - block_index))
{%- endmacro %}

{#- local_j plus what is left of the carry. -#}
{% macro cf_mean_with_carry(alpha, local_mean, carry) -%}
    {{ local_mean }} + power(1 - {{ alpha }}, local_means.block_index + 1) * coalesce({{ carry }}, 0e0)
{%- endmacro %}
