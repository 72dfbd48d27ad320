{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set means = [
    {'name': 'macd_signal', 'alpha': cf_ema_alpha(9), 'value': 'macd_line', 'seed_bar': 34, 'first_bar': 26},
] %}

with

{{ cf_smoothing_bars(ref('int_indicators__smoothed'), {'macd_line': 'kept.macd_line'}) }},

{{ cf_smoothing_steps(means) }},

final as (
    select
        symbol,
        bar_hour,
        bar_number,
        macd_signal
    from means
)

select * from final
