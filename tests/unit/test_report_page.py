"""The report's page in a browser: what a person sees first, and every control."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from flows.report.page import render, verdict, write
from tests.support.browser import Browser

pytestmark = pytest.mark.xdist_group("browser")

DAYS = [f"2024-06-{day:02d}" for day in range(1, 31)]
ATTACK = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'"


def check(name: str, subject: str, day: str, measured: float, **more: Any) -> dict[str, Any]:
    return {
        **{"check_name": name, "subject": subject, "day": day, "measured_value": measured},
        **{"expected_value": 0.0, "unit": "bars", "is_ok": True, "detail": "as told", **more},
    }


def health() -> list[dict[str, Any]]:
    rows = []
    for day in DAYS:
        for column, share in (("current_price", 1.0), ("vix", 0.5)):
            limit = 0.8 if column == "current_price" and day > DAYS[7] else None
            rows.append(check("coverage", column, day, share, expected_value=limit, unit="share"))
        for symbol in ("BTC", "ETH"):
            hole = symbol == "ETH" and day == DAYS[11]
            rows.append(check("missing_hours", symbol, day, 6.0 * hole, is_ok=not hole))
    late = {"expected_value": 2.0, "unit": "hours", "is_ok": False}
    rows += [
        check("freshness", "price_bars coinbase", DAYS[-1], 5.0, **late),
        check("freshness", "articles wire", DAYS[-1], 3.0, expected_value=72.0, unit="hours"),
        check("symbol_freshness", "BTC", DAYS[-1], 0.0, expected_value=24.0, unit="hours"),
        check("rejected_rows", f"rss {ATTACK}", DAYS[-1], 1.0, is_ok=False, detail=ATTACK),
    ]
    return rows


def coin(symbol: str, price: float, score: float | None) -> dict[str, Any]:
    hours = list(range(477_000, 477_000 + 48))
    return {
        "symbol": symbol,
        "hours": hours,
        "current_price": [price + hour % 7 for hour in hours],
        "hourly_volume": [1.0 for _ in hours],
        "avg_vader_score": [score for _ in hours],
        "avg_cryptobert_score": [None for _ in hours],
        "avg_minilm_score": [None for _ in hours],
        "social_avg_sentiment": [None for _ in hours],
    }


FACTS: dict[str, Any] = {
    "generated_at": "2024-07-01T00:30:00+00:00",
    "warehouse": "demo.duckdb (crypto)",
    "days": 30,
    "mart": {
        **{"row_count": 1440, "symbols": 2, "age_hours": 0.5},
        "columns": ["symbol", "timestamp_iso", "current_price", "vix"],
    },
    "health": health(),
    "sentiment": [{"day": day, "model_role": "vader", "collected": 4, "scored": 3} for day in DAYS],
    "coins": [coin("BTC", 60_000.0, 0.25), coin("ETH", 3_000.0, None)],
    "rejected": [],
    "runs": [
        {
            **{"flow": "transform", "state": "failed", "error": "dbt: 1 test failed"},
            **{"started_at": "2024-07-01T00:00:00+00:00", "ended_at": "2024-07-01T00:00:40+00:00"},
            "new_rows": None,
        }
    ],
    "failed_tests": [{"node": "not_null_vix", "status": "fail"}],
}


@pytest.fixture
def page(browser: Browser, tmp_path: Path) -> Browser:
    path = tmp_path / "report.html"
    write(render(FACTS), path)
    browser.resize(1280, 900)
    browser.open(path)
    return browser


def rows(page: Browser, part: str) -> list[str]:
    return [row.text for row in page.all(f"#{part} tbody tr")]


def choose(page: Browser, select: str, value: str) -> None:
    page.run(
        "const s = document.getElementById(arguments[0]); s.value = arguments[1];"
        "s.dispatchEvent(new Event('change'))",
        *(select, value),
    )


def test_the_first_sentence_says_what_is_wrong() -> None:
    assert verdict(FACTS) == "2 findings on the newest day (2024-06-30), and 1 failed test."
    calm = deepcopy(FACTS)
    calm["failed_tests"] = []
    calm["health"] = [row for row in calm["health"] if row["is_ok"] or row["day"] != DAYS[-1]]
    assert verdict(calm) == (
        "Every check of the newest day is in order; 1 finding on earlier days."
    )
    calm["mart"]["age_hours"] = 100.0
    assert verdict(calm) == "The newest bar closed 4 days ago."
    calm["mart"]["age_hours"], calm["failed_tests"] = 0.5, None
    calm["health"] = [row for row in calm["health"] if row["is_ok"]]
    assert verdict(calm) == "Every check of the newest day is in order."


def test_it_needs_no_network_and_breaks_on_no_text(page: Browser) -> None:
    assert page.complaints() == []
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    assert page.run("return document.title") == "Warehouse health: demo.duckdb (crypto)"
    assert page.run("return document.images.length") == 0
    assert any(ATTACK in row for row in rows(page, "finding-list")), "told as the text it is"
    assert page.one("#verdict").text == verdict(FACTS)
    tiles = page.one("#tiles").text
    for told in ("0.5 h", "1,440", "75.0%"):
        assert told in tiles


def test_findings_are_chosen_by_check_and_day(page: Browser) -> None:
    assert len(rows(page, "finding-list")) == 3
    choose(page, "finding-check", "missing_hours")
    (only,) = rows(page, "finding-list")
    assert "ETH" in only
    assert DAYS[11] in only
    choose(page, "finding-day", DAYS[-1])
    assert page.one("#finding-list").text == "No finding of this choice."
    choose(page, "finding-check", "")
    assert len(rows(page, "finding-list")) == 2


def test_a_late_stream_comes_first_and_symbols_in_time_are_folded(page: Browser) -> None:
    first = page.all("#freshness-list .bars span")
    assert (first[0].text, first[1].text) == ("price_bars coinbase", "5 of 2 h late")
    assert page.one("#freshness-list summary").text == "1 of 1 symbols have a newest bar in time"
    folded = page.one("#freshness-list details .bars")
    assert not folded.is_shown
    page.one("#freshness-list summary").click()
    assert folded.is_shown


def test_a_column_is_chosen_in_the_list_or_on_the_map(page: Browser) -> None:
    assert page.one("#coverage-readout").text.startswith("current_price, 2024-06-30: 100.0%")
    page.run(
        "document.querySelector('#coverage-map [data-row=vix]').dispatchEvent(new Event('click'))"
    )
    assert page.one("#coverage-readout").text.startswith("vix, 2024-06-30: 50.0%")
    assert page.run("return document.getElementById('coverage-column').value") == "vix"
    choose(page, "coverage-column", "current_price")
    limit = page.run("return document.querySelector('#coverage-line .limit').getAttribute('d')")
    assert limit.count("L") == len(DAYS) - 8 - 1, "no limit where a day had too few before it"


def test_gaps_show_the_symbols_that_have_one(page: Browser) -> None:
    told = page.one("#gaps-readout").text
    assert told == "6 hours are missing in 1 of 2 symbols over 30 days."
    names = page.run(
        "return [...document.querySelectorAll('#gaps-map text')].map(t => t.textContent)"
    )
    assert "ETH" in names
    assert "BTC" not in names


def test_the_price_follows_coin_score_and_span(page: Browser) -> None:
    readout = page.one("#price-readout")
    assert readout.text.startswith("BTC, ")
    assert readout.text.endswith("VADER 0.25")
    assert page.run("return document.querySelectorAll('#price-chart .up').length") == 48
    choose(page, "price-span", "1")
    assert page.run("return document.querySelectorAll('#price-chart .up').length") == 24
    choose(page, "price-coin", "ETH")
    assert readout.text.startswith("ETH, ")
    assert readout.text.endswith("no score")
    chart = page.one("#price-chart svg")
    page.run("document.getElementById('price').scrollIntoView()")
    box = page.run(
        "const b = document.querySelector('#price-chart svg').getBoundingClientRect();"
        "return [b.left, b.top, b.width, b.height]"
    )
    before = readout.text
    page.run(
        "document.querySelector('#price-chart svg').dispatchEvent(new PointerEvent('pointermove',"
        "{clientX: arguments[0], clientY: arguments[1]}))",
        *(box[0] + box[2] * 0.3, box[1] + 50),
    )
    assert chart.is_shown
    assert readout.text != before


def test_runs_and_failed_tests_are_told(page: Browser) -> None:
    (run,) = rows(page, "run-list")
    for told in ("transform", "failed", "40 s", "dbt: 1 test failed"):
        assert told in run
    assert "not_null_vix" in page.one("#test-list").text
    assert page.one("#rejected-list").text == "No row was refused."


#: Streams whose age stands beside another stream's name; none may.
BARS_IN_LINE = """
  return [...document.querySelectorAll(".bars .value")].filter((value) => {
    const name = value.previousElementSibling.previousElementSibling.getBoundingClientRect();
    const age = value.getBoundingClientRect();
    return age.width && (age.top >= name.bottom || age.bottom <= name.top);
  }).map((value) => value.textContent);
"""


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_scrolls_down_only(page: Browser, width: int) -> None:
    page.resize(width, 800, is_phone=True)
    page.command("POST", "refresh", {})
    wide = page.run("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert wide[0] <= wide[1]
    assert page.one("#verdict").is_shown
    assert page.run("return getComputedStyle(document.body).fontSize") == "16px"
    assert page.run(BARS_IN_LINE) == []
