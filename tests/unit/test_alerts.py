"""Alerts, runbook and dashboard as code: rules that are loaded, links that lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from click.testing import CliRunner

from flows.cli.main import app
from flows.metrics.families import FAMILIES
from flows.watch import Health
from ingestion.config import Settings
from tests.support import promtool as tool
from tests.support.promtool import ROOT, RULES, expressions, metric_names, promtool

RUNBOOK = ROOT / "docs" / "runbook.md"
CASES = ROOT / "deploy" / "prometheus" / "alerts_test.yaml"
GRAFANA = ROOT / "deploy" / "grafana"
LABELLED = re.compile(r"\$labels\.(\w+)")


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((GRAFANA / "dashboard.json").read_text(encoding="utf-8"))
    return found


def queries() -> Iterator[tuple[str, str]]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


def test_the_rules_and_both_configurations_are_valid() -> None:
    for name in ("prometheus.yml", "prometheus.local.yml"):
        done = promtool("check", "config", RULES.parent / name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"SUCCESS: {len(rules())} rules found" in done.stdout, "its rules are loaded"


def test_the_two_configurations_differ_in_their_targets_alone() -> None:
    read = [(RULES.parent / n).read_text() for n in ("prometheus.yml", "prometheus.local.yml")]
    inside, local = (yaml.safe_load(text) for text in read)
    for config in (inside, local):
        for job in config["scrape_configs"]:
            (place,) = job.pop("static_configs")
            (target,) = place["targets"]
            assert target.rpartition(":")[2] in ("9109", "9108")
    assert inside == local


def test_every_alert_fires_and_stays_silent() -> None:
    """promtool runs the cases; each alert has one that fires and a moment at which it does not."""
    done = promtool("test", "rules", CASES)
    assert done.returncode == 0, done.stdout + done.stderr
    fires: set[str] = set()
    silent: set[str] = set()
    for case in yaml.safe_load(CASES.read_text(encoding="utf-8"))["tests"]:
        names = {
            label
            for series in case["input_series"]
            for label in re.findall(r'="(\w+)"', series["series"])
        }
        for check in case.get("promql_expr_test", ()):
            (alert,) = re.findall(r'alertname="(\w+)"', check["expr"])
            fired = " ".join(sample["labels"] for sample in check["exp_samples"])
            fires |= {alert} if fired else set()
            beside = {name for name in names if f'"{name}"' not in fired}
            silent |= {alert} if not fired or beside else set()
    alerts = {rule["alert"] for rule in rules()}
    assert fires == alerts
    assert silent == alerts - {"Watchdog"}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_how_bad_what_and_where_to_look(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "none")
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert "$value" in notes["description"]
    assert notes["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"
    known = {label for family in FAMILIES.values() for label in family.labels}
    known |= {"instance", "job", "model"}
    assert set(LABELLED.findall(" ".join(notes.values()))) <= known


def headings(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return [line.lstrip("#").strip() for line in text.splitlines() if line.startswith("###")]


def test_every_alert_has_its_section_and_every_section_its_alert() -> None:
    found = headings(RUNBOOK)
    assert sorted(found) == sorted(rule["alert"] for rule in rules())
    assert len({name.lower() for name in found}) == len(found)


def test_links_between_the_guides_lead_somewhere() -> None:
    for name in ("runbook.md", "monitoring.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        for target, anchor in re.findall(r"\]\(([\w./-]*)(#[\w-]+)?\)", text):
            path = ROOT / "docs" / (target or name)
            assert path.exists(), target
            if anchor and path == RUNBOOK:
                assert anchor[1:] in {heading.lower() for heading in headings(path)}


def commands(name: str) -> list[str]:
    text = (ROOT / "docs" / name).read_text(encoding="utf-8")
    return sorted({line for line in re.findall(r"`(cfw [^`]+)`", text) if "..." not in line})


@pytest.mark.parametrize("line", sorted({*commands("runbook.md"), *commands("monitoring.md")}))
def test_every_command_of_the_guides_exists(line: str) -> None:
    words = shlex.split(line)[1:]
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    assert command.name is not None, f"{line}: no such command"
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, line
    assert CliRunner().invoke(command, ["--help"]).exit_code == 0


def worker_names() -> set[str]:
    health = Health(60.0, Settings().clock)
    names: set[str] = set()
    for family in health.registry.collect():
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
        names |= {f"{family.name}{end}" for end in ends.get(family.type, ("",))}
    return names


def test_rules_cases_and_dashboard_use_metrics_that_are_declared() -> None:
    known = {*FAMILIES, *worker_names()}
    used = {*expressions().items(), *queries()}
    for place, expression in used:
        assert metric_names(expression) <= known, place
    cases = CASES.read_text(encoding="utf-8")
    assert metric_names(cases) <= known
    shown = set().union(*(metric_names(expression) for _, expression in used))
    unused = set(FAMILIES) - shown
    assert not unused, "a metric that no alert and no panel reads"


def test_the_dashboards_queries_are_promql(tmp_path: Path) -> None:
    """Each becomes a recording rule that promtool parses."""
    recorded = [
        {"record": f"panel:{n}", "expr": expression.replace("$__rate_interval", "5m")}
        for n, (_, expression) in enumerate(queries())
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    done = promtool("check", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(recorded)} rules found" in done.stdout


def test_the_dashboard_answers_the_five_questions_and_fits_together() -> None:
    panels = dashboard()["panels"]
    rows = [panel["title"] for panel in panels if panel["type"] == "row"]
    asked = ["alive", "fresh", "complete", "scored", "failed"]
    assert [word for row in rows for word in asked if word in row] == asked
    assert len({panel["id"] for panel in panels}) == len(panels)
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yaml").read_text())
    (uid,) = [entry["uid"] for entry in source["datasources"]]
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == uid
            assert panel["targets"]
    provider = yaml.safe_load((GRAFANA / "provisioning/dashboards/warehouse.yaml").read_text())
    assert provider["providers"][0]["options"]["path"]


def test_a_missing_promtool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool.shutil, "which", lambda _: None)
    with pytest.raises(pytest.fail.Exception, match="apt-get install prometheus"):
        promtool("--version")
