-- A refresh window either starts a series anew (hour 0, no state) or carries on from the bar just before it:
-- the state's hour lies before the window and its number counts the bars up to there.
select
    refresh.symbol,
    refresh.refresh_from_hour,
    refresh.state_hour,
    refresh.state_bar_number
from {{ ref('int_refresh__windows') }} as refresh
where
    refresh.refresh_from_hour is null
    or refresh.refresh_from_hour < 0
    or (refresh.state_hour is null and refresh.state_bar_number <> 0)
    or (refresh.state_hour is not null and refresh.state_hour >= refresh.refresh_from_hour)
    or (refresh.state_hour is not null and refresh.state_bar_number < 34)
