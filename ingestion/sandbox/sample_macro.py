"""Macro series of the sample as published: holidays, release days and revisions; and the mood."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ingestion.sandbox.model import (
    HOUR,
    Bars,
    FearGreedDay,
    MacroSeries,
    MacroVintage,
    midnight,
)
from ingestion.sandbox.sample_prices import DAYS, FIRST

START = date(2023, 6, 1)
END = (FIRST + timedelta(days=DAYS)).date()
MONTHS_START = (2021, 1)
#: US market holidays in the span: daily series show "." on them.
HOLIDAYS = frozenset(
    date.fromisoformat(day)
    for day in (
        *("2023-06-19", "2023-07-04", "2023-09-04", "2023-11-23", "2023-12-25"),
        *("2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27"),
        *("2024-06-19", "2024-07-04"),
    )
)


@dataclass(frozen=True)
class Daily:
    """A daily series: start value, step of its walk, what pulls it back, when it is published."""

    level: float
    step: float
    pull: float
    decimals: int
    release: str
    units: str
    title: str


DAILY = {
    "VIXCLS": Daily(14.0, 0.9, 0.05, 2, "next", "Index", "Volatility index, close"),
    "SP500": Daily(4_250.0, 36.0, 0.0, 2, "next", "Index", "Large-cap share index, close"),
    "DTWEXBGS": Daily(120.0, 0.35, 0.01, 4, "monday", "Index", "Broad dollar index"),
    "DGS10": Daily(4.1, 0.06, 0.01, 2, "next", "Percent", "10-year Treasury yield"),
    "DGS2": Daily(4.6, 0.05, 0.01, 2, "next", "Percent", "2-year Treasury yield"),
    "DFF": Daily(5.33, 0.0, 0.0, 2, "next", "Percent", "Effective federal funds rate"),
    "DCOILWTICO": Daily(72.0, 1.3, 0.01, 2, "wednesday", "Dollars per Barrel", "Crude oil"),
}


@dataclass(frozen=True)
class Monthly:
    """A monthly series: value, growth a month, noise, days from month end to release."""

    level: float
    growth: float
    noise: float
    decimals: int
    delay: int
    units: str
    title: str
    revised_month: int | None = None
    is_revised_next_month: bool = False


MONTHLY = {
    "CPIAUCSL": Monthly(262.0, 0.0031, 0.0010, 3, 12, "Index", "Consumer prices", 2),
    "UNRATE": Monthly(4.0, 0.0, 0.02, 1, 5, "Percent", "Unemployment rate", 1),
    "M2SL": Monthly(
        19_400.0, 0.002, 0.003, 1, 26, "Billions of Dollars", "Money stock M2", None, True
    ),
}


def make_macro(rng: np.random.Generator) -> dict[str, MacroSeries]:
    """Return every macro series of the sample by its id."""
    daily = {name: _daily(rng, spec) for name, spec in DAILY.items()}
    series = {
        name: MacroSeries(name, tuple(rows), DAILY[name].title, "D", DAILY[name].units)
        for name, rows in daily.items()
    }
    spread = _spread(daily["DGS10"], daily["DGS2"])
    series["T10Y2Y"] = MacroSeries("T10Y2Y", spread, "10-year minus 2-year yield", "D")
    for name, spec in MONTHLY.items():
        rows = _monthly(rng, spec)
        series[name] = MacroSeries(name, rows, spec.title, "M", spec.units)
    series["GDPC1"] = MacroSeries(
        "GDPC1", _quarterly(rng), "Real gross domestic product", "Q", "Billions of Dollars"
    )
    return series


def make_fear_greed(
    rng: np.random.Generator, bars: dict[str, dict[int, Bars]]
) -> tuple[FearGreedDay, ...]:
    """Return an index that leans on the last ten days of the first coin's price."""
    own = bars["BTC"][HOUR]
    days: list[FearGreedDay] = []
    for offset in range(-60, DAYS):
        day = FIRST.date() + timedelta(days=offset)
        at = int(np.searchsorted(own.open_time, midnight(day).timestamp())) - 1
        trend = 0.0
        if at > 240:
            trend = float(np.log(own.close[at] / own.close[at - 240]))
        value = 55.0 + 260.0 * trend + float(rng.normal(0.0, 4.0))
        days.append(FearGreedDay(day, int(np.clip(value, 5, 95))))
    return tuple(days)


def _daily(rng: np.random.Generator, spec: Daily) -> list[MacroVintage]:
    rows: list[MacroVintage] = []
    value = spec.level
    is_rate = spec.step == 0.0
    for offset in range((END - START).days):
        day = START + timedelta(days=offset)
        if day.weekday() >= 5 and not is_rate:
            continue
        value += spec.step * float(rng.normal()) + spec.pull * (spec.level - value)
        if is_rate:
            value = spec.level - 0.01 * (rng.random() < 0.05)
        is_closed = day in HOLIDAYS and not is_rate
        text = "." if is_closed else f"{value:.{spec.decimals}f}"
        rows.append(MacroVintage(day, text, RELEASES[spec.release](day)))
        if not is_closed and rng.random() < 0.008:
            later = _next_workday(RELEASES[spec.release](day) + timedelta(days=4))
            changed = value + 10.0**-spec.decimals * int(rng.integers(1, 6))
            rows.append(MacroVintage(day, f"{changed:.{spec.decimals}f}", later))
    return rows


def _spread(long: list[MacroVintage], short: list[MacroVintage]) -> tuple[MacroVintage, ...]:
    """Return the difference of two yields, republished whenever one of them changes."""
    rows: list[MacroVintage] = []
    for day in sorted({row.observation_date for row in long}):
        longs = [row for row in long if row.observation_date == day]
        shorts = [row for row in short if row.observation_date == day]
        for moment in sorted({r.realtime_start for r in longs + shorts if r.realtime_start}):
            values = [
                [r.value for r in part if r.realtime_start and r.realtime_start <= moment]
                for part in (longs, shorts)
            ]
            if not all(values):
                continue
            last_long, last_short = values[0][-1], values[1][-1]
            text = "." if "." in (last_long, last_short) else _minus(last_long, last_short)
            rows.append(MacroVintage(day, text, moment))
    return tuple(rows)


def _monthly(rng: np.random.Generator, spec: Monthly) -> tuple[MacroVintage, ...]:
    rows: list[MacroVintage] = []
    value = spec.level
    for month in _months():
        value = value * (1.0 + spec.growth + spec.noise * float(rng.normal()))
        released = _next_workday(_month_end(month) + timedelta(days=spec.delay))
        rows.append(MacroVintage(month, f"{value:.{spec.decimals}f}", released))
        least = 10.0**-spec.decimals
        changed = value + least * float(rng.choice([-3, -2, -1, 1, 2, 3]))
        if spec.is_revised_next_month:
            later = _next_workday(released + timedelta(days=31))
        elif spec.revised_month:
            later = _seasonal_review(released, spec)
        else:
            continue
        if later < END:
            rows.append(MacroVintage(month, f"{changed:.{spec.decimals}f}", later))
    return tuple(row for row in rows if row.realtime_start and row.realtime_start < END)


def _seasonal_review(released: date, spec: Monthly) -> date:
    """Return the day of the yearly review of seasonal factors that follows a release."""
    review = date(released.year, spec.revised_month or 1, spec.delay)
    if review <= released:
        review = review.replace(year=released.year + 1)
    return _next_workday(review)


def _quarterly(rng: np.random.Generator) -> tuple[MacroVintage, ...]:
    """Return output by quarter: advance, second and third estimate."""
    rows: list[MacroVintage] = []
    value = 20_900.0
    for month in _months():
        if month.month % 3 != 1:
            continue
        value *= 1.0 + 0.005 + 0.002 * float(rng.normal())
        end = _month_end(_month_end(_month_end(month) + timedelta(days=1)) + timedelta(days=1))
        estimate = value
        for days in (29, 59, 88):
            released = _next_workday(end + timedelta(days=days))
            if released < END:
                rows.append(MacroVintage(month, f"{estimate:.3f}", released))
            estimate += float(rng.normal(0.0, 12.0))
    return tuple(rows)


def _months() -> list[date]:
    year, month = MONTHS_START
    count = (END.year - year) * 12 + END.month - month
    return [date(year + (month - 1 + i) // 12, (month - 1 + i) % 12 + 1, 1) for i in range(count)]


def _month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _minus(a: str, b: str) -> str:
    return f"{float(a) - float(b):.2f}"


def _next_workday(day: date) -> date:
    while day.weekday() >= 5 or day in HOLIDAYS:
        day += timedelta(days=1)
    return day


def _weekly_release(weekday: int) -> Callable[[date], date]:
    """Return the release day of a series published weekly for the week before."""

    def release(day: date) -> date:
        following = day + timedelta(days=7 - day.weekday() + weekday)
        return _next_workday(following)

    return release


RELEASES: dict[str, Callable[[date], date]] = {
    "next": lambda day: _next_workday(day + timedelta(days=1)),
    "monday": _weekly_release(0),
    "wednesday": _weekly_release(2),
}
