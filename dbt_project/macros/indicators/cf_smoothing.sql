{#- CTE `bars`: what an exponential mean reads, from the refresh window on. start_bar is the number of the
    first bar worked on: 1 where the series starts here, else the bar after the carried state.
    Args: relation, values (name: expression over `kept`). -#}
{% macro cf_smoothing_bars(relation, values) -%}
    {%- set windows = ref('int_refresh__windows') -%}
    bars as (
        select
            kept.symbol,
            kept.bar_hour,
            kept.bar_number,
            {% for name, value in values.items() -%}
            {{ value }} as {{ name }},
            {% endfor -%}
            {% if is_incremental() -%}
            refresh.state_bar_number + 1 as start_bar,
            {{ cf_floor_div('kept.bar_number - refresh.state_bar_number - 1', cf_block_bars()) }}
                as block_number,
            kept.bar_number - refresh.state_bar_number - 1 as window_index
            {%- else -%}
            1 as start_bar,
            {{ cf_floor_div('kept.bar_number - 1', cf_block_bars()) }} as block_number,
            kept.bar_number - 1 as window_index
            {%- endif %}
        from {{ relation }} as kept
        {%- if is_incremental() %}
        inner join {{ windows }} as refresh
            on
                kept.symbol = refresh.symbol
                and kept.bar_hour >= refresh.refresh_from_hour
                {{ cf_in_window('kept') }}
        {%- endif %}
    )
{%- endmacro %}

{#- CTEs from `bars` to `means`: seeds, contributions, the mean inside each block, the carry between blocks.
    Args: means, a list of {name, alpha, value, seed_bar, first_bar}: the seed is the simple mean of `value`
    over the bars first_bar..seed_bar and stands at seed_bar; before it the mean is NULL.
    The state carried into a refresh window is this model's own last row before it. -#}
{% macro cf_smoothing_steps(means) -%}
    {%- set windows = ref('int_refresh__windows') -%}
    seeds as (
        select
            bars.symbol,
            {%- for mean in means %}
            avg(case when bars.bar_number between {{ mean.first_bar }} and {{ mean.seed_bar }}
                then bars.{{ mean.value }} end) as {{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from bars
        where bars.start_bar = 1 and bars.bar_number <= {{ means | map(attribute='seed_bar') | max }}
        group by bars.symbol
    ),

    contributions as (
        select
            bars.symbol,
            bars.bar_hour,
            bars.bar_number,
            bars.block_number,
            bars.window_index - bars.block_number * {{ cf_block_bars() }} as block_index,
            {%- for mean in means %}
            {{ cf_contribution(mean.alpha, 'bars.' ~ mean.value, 'seeds.' ~ mean.name, mean.seed_bar) }}
                as {{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from bars
        left join seeds
            on bars.symbol = seeds.symbol
    ),

    carries as (
        select
            symbol,
            block_number + 1 as block_number,
            {%- for mean in means %}
            {{ cf_block_mean(mean.alpha, mean.name) }} as {{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from contributions
        group by symbol, block_number
        {%- if is_incremental() %}
        union all
        select
            kept.symbol,
            0 as block_number,
            {%- for mean in means %}
            kept.{{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ this }} as kept
        inner join {{ windows }} as refresh
            on
                kept.symbol = refresh.symbol
                and kept.bar_hour = refresh.state_hour
        {%- endif %}
    ),

    local_means as (
        select
            symbol,
            bar_hour,
            bar_number,
            block_number,
            block_index,
            {%- for mean in means %}
            {{ cf_local_mean(mean.alpha, mean.name) }} as {{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from contributions
        window so_far as (
            partition by symbol, block_number
            order by bar_number
            rows between unbounded preceding and current row
        )
    ),

    means as (
        select
            local_means.symbol,
            local_means.bar_hour,
            local_means.bar_number,
            {%- for mean in means %}
            case when local_means.bar_number >= {{ mean.seed_bar }} then
                {{ cf_mean_with_carry(
                    mean.alpha, 'local_means.' ~ mean.name, 'carries.' ~ mean.name
                ) }}
            end as {{ mean.name }}{{ ',' if not loop.last }}
            {%- endfor %}
        from local_means
        left join carries
            on
                local_means.symbol = carries.symbol
                and local_means.block_number = carries.block_number
    )
{%- endmacro %}
