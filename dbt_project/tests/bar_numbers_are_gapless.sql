-- Bars of a symbol are numbered 1, 2, 3, ... in the order of their hours, in every model that carries the
-- number; a jump would give the smoothed indicators a wrong weight. In a batch run the numbers are checked
-- from the last bar that was kept.
with

{% set in_batch = var('test_scope', 'all') == 'batch' %}
{% set models = [
    'int_prices__bars', 'int_indicators__windows', 'int_indicators__smoothed', 'int_indicators__macd_signal',
] %}
numbered as (
    {% for model in models %}
    select
        '{{ model }}' as model_name,
        kept.symbol,
        kept.bar_hour,
        kept.bar_number,
        {% if in_batch %}
        case when refresh.state_hour is null then 1 else refresh.state_bar_number end as first_number
        {% else %}
        1 as first_number
        {% endif %}
    from {{ ref(model) }} as kept
    {% if in_batch %}
    inner join {{ ref('int_refresh__windows') }} as refresh
        on
            kept.symbol = refresh.symbol
            and kept.bar_hour >= coalesce(refresh.state_hour, 0)
            {{ cf_window_condition(ref('int_refresh__windows'), 'kept', start='state_hour') }}
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

followed as (
    select
        model_name,
        symbol,
        bar_hour,
        bar_number,
        first_number,
        lag(bar_number) over (partition by model_name, symbol order by bar_hour) as previous_number
    from numbered
)

select *
from followed
where
    bar_number is null
    or (previous_number is null and bar_number <> first_number)
    or (previous_number is not null and bar_number <> previous_number + 1)
