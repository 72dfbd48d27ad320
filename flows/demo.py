"""The demo: the real pipeline against the sandbox's built-in sample, replayed over two days.

News and posts are known from the moment they are first seen, and engagement is what each capture
saw. So the demo lives through the last two days of its sample: a first full run, captures every six
hours, and a last full run. Moments that the warehouse has already lived through are left out, which
makes a second demo a plain run with nothing new.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from flows.pipeline import PipelineReport, pipeline
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.sandbox import generate_sample, running_sandbox

DEMO_PATH = Path("data/demo.duckdb")
REPLAYED = timedelta(hours=48)
CAPTURE_EVERY = timedelta(hours=6)
CAPTURED_SOURCES = ("rss", "stocktwits", "reddit")


def run_demo(path: Path = DEMO_PATH, say: Callable[[str], None] = lambda _: None) -> PipelineReport:
    """Build the demo warehouse and return the report of its last run.

    Args:
        path: the DuckDB file.
        say: gets a line per moment replayed.
    """
    url = f"duckdb:///{path.absolute()}"
    with running_sandbox(generate_sample()) as sandbox:
        env = sandbox.env()
        end = datetime.fromisoformat(env["CFW_NOW"])
        base = {name.removeprefix("CFW_").lower(): value for name, value in env.items()}
        base |= {
            "warehouse_url": url,
            "data_dir": str(path.absolute().parent),
            "schema_prefix": "crypto",
        }
        lived = _lived_through(Settings(**base))
        moment = end - REPLAYED
        while moment < end:
            if lived is None or moment > lived:
                sandbox.set_clock(moment)
                _replay(base, moment, end - REPLAYED, say)
            moment += CAPTURE_EVERY
        sandbox.set_clock(end)
        say(f"{end:%Y-%m-%d %H:%M} full run")
        return pipeline(overrides=_at(base, end))


def _replay(
    base: dict[str, Any], moment: datetime, start: datetime, say: Callable[[str], None]
) -> None:
    if moment == start:
        say(f"{moment:%Y-%m-%d %H:%M} first full run")
        pipeline(overrides=_at(base, moment))
    else:
        say(f"{moment:%Y-%m-%d %H:%M} capture of news and posts")
        pipeline(CAPTURED_SOURCES, overrides=_at(base, moment), only_capture=True)


def _at(base: dict[str, Any], moment: datetime) -> dict[str, Any]:
    return {**base, "now": moment.isoformat()}


def _lived_through(settings: Settings) -> datetime | None:
    """Return the newest moment at which the warehouse took in articles or posts."""
    taken_in = ("articles", "social_posts", "social_engagement", "price_bars")
    return max(Warehouse(settings).newest_loads(taken_in).values(), default=None)
