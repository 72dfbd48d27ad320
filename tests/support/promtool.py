"""Prometheus' own tool, as the judge of rules and expressions."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"
INSTALL = "no promtool found; run: apt-get install prometheus (the service need not be started)"
#: Prometheus looks back this far for a series' newest value.
STEP_MINUTES = 1
_FIRED = re.compile(r'alertname="(\w+)"(?:, flow="(\w+)")?')
_EXPORTERS_CLOCK = "cfw_exporter_clock_timestamp_seconds"


def promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run promtool; where it is missing, the test fails and says what to install."""
    binary = shutil.which("promtool")
    if binary is None:
        pytest.fail(INSTALL, pytrace=False)
    return subprocess.run(
        [binary, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, check=False
    )


def expressions() -> dict[str, str]:
    """Return the expression of every alert."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule["expr"] for group in groups for rule in group["rules"]}


def metric_names(expression: str) -> set[str]:
    """Return the names of this project's metrics in an expression."""
    return set(re.findall(r"\bcfw_[a-z0-9_]+", expression))


@dataclass(frozen=True)
class Scrape:
    """What was scraped.

    Attributes:
        minute: when, in minutes since the beginning.
        text: the exposition.
        now: the warehouse's clock then, in unix seconds.
        machine: the clock by which hosts were asked; the warehouse's where it is the same.
    """

    minute: int
    text: str
    now: float
    machine: float | None = None

    def runs_on(self, series: str) -> bool:
        """Return whether a moment moves on by itself: the clock, and readings that succeed."""
        is_read = "cfw_exporter_up 1.0" in self.text and "exporter_last_read" in series
        return is_read or _EXPORTERS_CLOCK in series

    def samples(self) -> Iterator[tuple[str, float]]:
        """Yield series and values; moments count from the beginning, as promtool's clock does."""
        samples = [s for f in text_string_to_metric_families(self.text) for s in f.samples]
        exporter = next(s.value for s in samples if s.name == _EXPORTERS_CLOCK)
        clocks = {"cfw_host_": self.machine or self.now, "cfw_exporter_": exporter}
        for sample in samples:
            labels = {**sample.labels, "job": "cfw", "instance": "here"}
            listed = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
            value = sample.value
            if "_timestamp_seconds" in sample.name:
                own = [clock for start, clock in clocks.items() if sample.name.startswith(start)]
                value = value - (own or [self.now])[0] + 60 * self.minute
            yield f"{sample.name}{{{listed}}}", value


def firing(scrapes: Sequence[Scrape], at_minute: int) -> set[str]:
    """Return the alerts that fire at a minute, by the rules as they are and the scraped values.

    An alert on a flow is followed by its name: ``FlowFailed prices``. A value holds until the next
    scrape, the last one to the end.
    """
    series: dict[str, list[str]] = {}
    for number, scrape in enumerate(scrapes):
        end = scrapes[number + 1].minute if number + 1 < len(scrapes) else at_minute + 1
        for name, value in scrape.samples():
            held = series.setdefault(name, [])
            held += ["_"] * (scrape.minute - len(held))
            runs = 60 if scrape.runs_on(name) else 0
            held += [repr(value + runs * n) for n in range(end - scrape.minute)]
    case = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": f"{STEP_MINUTES}m",
                "input_series": [
                    {"series": name, "values": " ".join([*held, *_missing(held, at_minute)])}
                    for name, held in series.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": 'count by (alertname, flow) (ALERTS{alertstate="firing"})',
                        "eval_time": f"{at_minute}m",
                        "exp_samples": [],
                    }
                ],
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.yaml"
        path.write_text(yaml.safe_dump(case, width=10**6), encoding="utf-8")
        done = promtool("test", "rules", path)
    # Nothing was expected, so that promtool lists what there is; Watchdog is always there.
    said = done.stdout + done.stderr
    found = {" ".join(filter(None, f)) for f in re.findall(_FIRED, said)}
    assert "Watchdog" in found, said
    return found - {"Watchdog"}


def _missing(held: list[str], at_minute: int) -> list[str]:
    return ["stale"] if len(held) <= at_minute else []
