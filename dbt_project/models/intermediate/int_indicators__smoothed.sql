{{ config(
    materialized='incremental',
    incremental_strategy='append',
    table_key=['symbol', 'bar_hour'],
    pre_hook='{{ cf_clear_window() }}',
) }}

{%- set means = [
    {'name': 'ema_12', 'alpha': cf_ema_alpha(12), 'value': 'close_price', 'seed_bar': 12, 'first_bar': 1},
    {'name': 'ema_26', 'alpha': cf_ema_alpha(26), 'value': 'close_price', 'seed_bar': 26, 'first_bar': 1},
    {'name': 'mean_gain', 'alpha': cf_wilder_alpha(14), 'value': 'gain_usd', 'seed_bar': 15, 'first_bar': 2},
    {'name': 'mean_loss', 'alpha': cf_wilder_alpha(14), 'value': 'loss_usd', 'seed_bar': 15, 'first_bar': 2},
    {'name': 'atr_14', 'alpha': cf_wilder_alpha(14), 'value': 'true_range_usd', 'seed_bar': 15, 'first_bar': 2},
] %}

with

{{ cf_smoothing_bars(ref('int_prices__bars'), {
    'close_price': 'kept.close_price',
    'gain_usd': cf_gain_usd('kept'),
    'loss_usd': cf_loss_usd('kept'),
    'true_range_usd': cf_true_range_usd('kept'),
}) }},

{{ cf_smoothing_steps(means) }},

final as (
    select
        symbol,
        bar_hour,
        bar_number,
        ema_12,
        ema_26,
        mean_gain,
        mean_loss,
        atr_14,
        ema_12 - ema_26 as macd_line,
        case
            when mean_gain + mean_loss = 0 then 50e0
            else 100 * mean_gain / (mean_gain + mean_loss)
        end as rsi_14
    from means
)

select * from final
