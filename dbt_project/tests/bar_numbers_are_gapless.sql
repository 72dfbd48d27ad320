-- Bars of a symbol are numbered 1, 2, 3, ... in the order of their hours, in every model that carries the
-- number; a jump would give the smoothed indicators a wrong weight. In a batch run the numbers are checked
-- from the last bar that was kept.
-- Rows of equal hour minus number are a stretch without an outage: grouped, a history is a few stretches,
-- each of which must hold all its numbers and follow on the one before.
with

{% set in_batch = var('test_scope', 'all') == 'batch' %}
{% set models = [
    'int_prices__bars', 'int_indicators__windows', 'int_indicators__smoothed', 'int_indicators__macd_signal',
] %}
stretches as (
    {% for model in models %}
    select
        '{{ model }}' as model_name,
        kept.symbol,
        {% if in_batch %}
        case when refresh.state_hour is null then 1 else refresh.state_bar_number end as first_number,
        {% else %}
        1 as first_number,
        {% endif %}
        min(kept.bar_hour) as first_hour,
        max(kept.bar_hour) as last_hour,
        min(kept.bar_number) as lowest_number,
        max(kept.bar_number) as highest_number,
        count(*) as bar_count
    from {{ ref(model) }} as kept
    {% if in_batch %}
    inner join {{ ref('int_refresh__windows') }} as refresh
        on
            kept.symbol = refresh.symbol
            and kept.bar_hour >= coalesce(refresh.state_hour, 0)
            {{ cf_window_condition(ref('int_refresh__windows'), 'kept', start='state_hour') }}
    group by kept.symbol, kept.bar_hour - kept.bar_number, refresh.state_hour, refresh.state_bar_number
    {% else %}
    group by kept.symbol, kept.bar_hour - kept.bar_number
    {% endif %}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

followed as (
    select
        stretches.*,
        lag(stretches.last_hour) over in_order as previous_hour,
        lag(stretches.highest_number) over in_order as previous_number
    from stretches
    window in_order as (
        partition by stretches.model_name, stretches.symbol
        order by stretches.first_hour, stretches.lowest_number
    )
)

select *
from followed
where
    lowest_number is null
    or bar_count <> highest_number - lowest_number + 1
    or (previous_number is null and lowest_number <> first_number)
    or (previous_number is not null and lowest_number <> previous_number + 1)
    or previous_hour >= first_hour
