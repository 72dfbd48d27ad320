"""Puts the facts into the page: one HTML file that needs neither network nor server."""

from __future__ import annotations

import html
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

from flows.report.facts import MART_AGE_HOURS, findings


def render(facts: dict[str, Any]) -> str:
    """Return the whole page. Styles, script and data are inside it."""
    parts = {
        "title": html.escape(f"Warehouse health: {facts['warehouse']}"),
        "verdict": html.escape(verdict(facts)),
        "style": _asset("report.css"),
        "script": _asset("charts.js") + _asset("report.js"),
        # The data is read by the script as text: nothing in it may end the element.
        "facts": json.dumps(facts, allow_nan=False).replace("<", "\\u003c"),
    }
    page = _asset("page.html")
    for name, text in parts.items():
        page = page.replace(f"{{{{ {name} }}}}", text, 1)
    return page


def verdict(facts: dict[str, Any]) -> str:
    """Return the sentence a person reads first."""
    bad = findings(facts["health"])
    failed = len(facts["failed_tests"] or ())
    newest = max((row["day"] for row in facts["health"]), default=None)
    today = sum(row["day"] == newest for row in bad)
    told = [
        _age(facts["mart"]["age_hours"]),
        _counted(today, "finding", "findings") + f" on the newest day ({newest})" if today else "",
        _counted(failed, "failed test", "failed tests") if failed else "",
    ]
    if any(told):
        sentence = ", and ".join(filter(None, told))
        return sentence[0].upper() + sentence[1:] + "."
    earlier = f"; {_counted(len(bad), 'finding', 'findings')} on earlier days" if bad else ""
    return f"Every check of the newest day is in order{earlier}."


def _age(hours: float) -> str:
    if hours <= MART_AGE_HOURS:
        return ""
    ago = f"{hours / 24:,.0f} days" if hours >= 48 else f"{hours:.0f} hours"
    return f"the newest bar closed {ago} ago"


def write(page: str, path: Path) -> None:
    """Write the page beside its place and move it there: a reader never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _asset(name: str) -> str:
    return files("flows.report").joinpath(name).read_text(encoding="utf-8")
