{{ config(materialized='table', table_key=['check_name', 'subject', 'day_number']) }}

{#- Each measurement against the median of the subject's other days. A day on which the other symbols are
    just as far from their usual is a day of the market: the limits of price moves are raised by the median of
    the others. -#}
{%- set limits = var('health_limits') %}
{%- set moves = ['price_spike', 'price_wick', 'price_jump'] %}
with

measures as (
    select * from {{ ref('int_health__measures') }}
),

{{ cf_leave_one_out('usual', 'measures', ['check_name', 'subject'], 'day_number', 'measured_value') }},

usual_days as (
    select
        check_name,
        subject,
        day_number,
        measured_value,
        sample_count,
        detail,
        case
            when other_count < {{ var('health_least_days') }} then null
            -- volume is skewed: after some wild days the calm ones before them must not look like a fault
            when check_name = 'volume_drop' then other_quartile
            else other_median
        end as usual_value
    from usual
),

rates as (
    select
        check_name,
        subject,
        day_number,
        measured_value / usual_value as times_usual
    from usual_days
    where
        check_name in ('{{ moves | join("', '") }}')
        and usual_value > 0
),

{{ cf_leave_one_out('market', 'rates', ['check_name', 'day_number'], 'subject', 'times_usual') }},

judged as (
    select
        usual_days.check_name,
        usual_days.subject,
        usual_days.day_number,
        usual_days.measured_value,
        usual_days.sample_count,
        usual_days.detail,
        usual_days.usual_value,
        case
            when market.other_count >= {{ var('health_least_symbols') }} and market.other_median > 1
                then market.other_median
            else 1e0
        end as market_factor
    from usual_days
    left join market
        on
            usual_days.check_name = market.check_name
            and usual_days.subject = market.subject
            and usual_days.day_number = market.day_number
),

final as (
    select
        judged.*,
        -- noqa: disable=LT02
        case
            when judged.usual_value is null then null
            {% for move in moves %}
            when judged.check_name = '{{ move }}' then greatest(
                {{ limits[move].at_least_pct }},
                {{ limits[move].times_usual }} * judged.usual_value * judged.market_factor
            )
            {% endfor %}
            when judged.check_name = 'flatline' then judged.usual_value + greatest(
                {{ limits.flatline.at_least }},
                {{ limits.flatline.deviations }}
                * sqrt(judged.usual_value * greatest(0e0, 1 - judged.usual_value / 24))
            )
            when judged.check_name = 'duplicate_feed' then judged.usual_value + greatest(
                {{ limits.duplicate_feed.at_least }},
                {{ limits.duplicate_feed.deviations }}
                * sqrt(judged.usual_value * greatest(0e0, 1 - judged.usual_value) / judged.sample_count)
            )
            {% for check in ['volume_drop', 'silent_model'] %}
            when judged.check_name = '{{ check }}'
                then {{ limits[check].share_of_usual }} * judged.usual_value
            {% endfor %}
        end as limit_value
    from judged
)

select * from final
