"""Every metric of the exporter, declared once: name, kind, labels, meaning.

A value that is not known is absent; 0 is a measured zero. Moments are unix seconds, so that an age
grows by itself when nobody measures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric


@dataclass(frozen=True)
class Family:
    """One metric."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    is_counter: bool = False


_STREAM = ("table", "source", "stream")

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        Family("cfw_exporter_up", "1 if everything was read; 0 if some values are older."),
        Family("cfw_exporter_section_up", "1 if this part was read lately.", ("section",)),
        Family("cfw_exporter_last_read_timestamp_seconds", "When everything was last read."),
        Family("cfw_exporter_read_seconds", "How long the last reading took."),
        Family("cfw_exporter_clock_timestamp_seconds", "This machine's clock."),
        Family("cfw_warehouse_up", "1 if the warehouse answers, or a writer is at work in it."),
        Family(
            "cfw_source_newest_event_timestamp_seconds",
            "Time of the newest event that was landed.",
            _STREAM,
        ),
        Family(
            "cfw_source_never_delivered",
            "1 where a source is switched on and no row of it ever came.",
            ("table", "source"),
        ),
        Family("cfw_source_newest_load_timestamp_seconds", "When a row was last landed.", _STREAM),
        Family("cfw_source_max_age_seconds", "How old the newest event may be.", _STREAM),
        Family("cfw_rows_in_total", "Rows landed.", _STREAM, is_counter=True),
        Family(
            "cfw_rejected_rows_total",
            "Rows refused, by class of reason.",
            ("source", "table", "reason"),
            is_counter=True,
        ),
        Family("cfw_feed_failures_in_row", "Checks of a feed that failed in a row.", ("feed",)),
        Family(
            "cfw_http_requests_total",
            "Requests by what came back: a status, none (no answer) or broken (body cut off).",
            ("host", "status"),
            is_counter=True,
        ),
        Family("cfw_host_circuit_open", "1 while the circuit breaker is open.", ("host",)),
        Family("cfw_host_failures_in_row", "Attempts that failed in a row.", ("host",)),
        Family("cfw_host_refused_in_row", "Answers 401 and 403 in a row.", ("host",)),
        Family(
            "cfw_host_held_until_timestamp_seconds",
            "Until when a host asked to be left alone; absent where that is past.",
            ("host",),
        ),
        Family("cfw_host_last_answer_timestamp_seconds", "When it last answered.", ("host",)),
        Family(
            "cfw_host_clock_ahead_seconds",
            "How far the host's clock was ahead of ours at its last answer.",
            ("host",),
        ),
        Family("cfw_texts_waiting", "Texts that wait for a score.", ("model",)),
        Family(
            "cfw_oldest_waiting_text_timestamp_seconds",
            "When the oldest text that waits was landed; absent where none waits.",
            ("model",),
        ),
        Family("cfw_texts_given_up", "Texts that failed too often to be tried again.", ("model",)),
        Family("cfw_texts_collected", "Texts that became available lately.", ("model", "window")),
        Family(
            "cfw_texts_scored_ratio",
            "Share of them that has a score; absent where there are none.",
            ("model", "window"),
        ),
        Family("cfw_gap_bars", "Hours without a bar in the last 7 days.", ("group",)),
        Family("cfw_gap_symbols", "Symbols with such hours.", ("group",)),
        Family(
            "cfw_health_failed_checks", "Subjects that fail a check of data_health.", ("check",)
        ),
        Family("cfw_mart_rows", "Rows of the mart."),
        Family("cfw_mart_newest_row_timestamp_seconds", "Bar close of the mart's newest row."),
        Family("cfw_mart_max_age_seconds", "How old that row may be."),
        Family("cfw_mart_published_timestamp_seconds", "When the mart was last published."),
        Family(
            "cfw_flow_last_success_timestamp_seconds",
            "When a flow's work was last done well; absent where it never was.",
            ("flow",),
        ),
        Family(
            "cfw_flow_max_age_seconds",
            "How long ago that may be; absent where nothing is scheduled.",
            ("flow",),
        ),
        Family(
            "cfw_flow_scheduled_since_timestamp_seconds",
            "Since when the schedules run; absent where nothing is scheduled.",
            ("flow",),
        ),
        Family("cfw_flow_last_run_timestamp_seconds", "When a flow last ended.", ("flow",)),
        Family("cfw_flow_last_run_duration_seconds", "How long that run took.", ("flow",)),
        Family("cfw_flow_last_run_state", "1 for the state in which it ended.", ("flow", "state")),
        Family("cfw_dbt_tests", "dbt tests of the last run that ran tests.", ("status",)),
        Family("cfw_disk_free_bytes", "Space that is left.", ("place",)),
        Family("cfw_disk_size_bytes", "Size of the disk.", ("place",)),
        Family("cfw_database_connections", "Connections in use on the server."),
        Family("cfw_database_max_connections", "Connections that the server allows."),
        Family("cfw_database_clock_ahead_seconds", "How far the server's clock is ahead of ours."),
    )
}

Labels = tuple[str, ...]


class Readings:
    """Values by metric and labels."""

    def __init__(self) -> None:
        """Start without values."""
        self._values: dict[str, dict[Labels, float]] = {}

    def set(self, name: str, value: float | datetime, *labels: str) -> None:
        """Set a value; a moment is stored as unix seconds."""
        if len(labels) != len(FAMILIES[name].labels):
            msg = f"{name} has the labels {FAMILIES[name].labels}, not {labels}"
            raise ValueError(msg)
        plain = value.timestamp() if isinstance(value, datetime) else float(value)
        self._values.setdefault(name, {})[labels] = plain

    def items(self) -> Iterator[tuple[str, dict[Labels, float]]]:
        """Yield the values of each metric."""
        yield from self._values.items()


def exposed(parts: Iterable[Readings]) -> Iterator[Metric]:
    """Return readings as prometheus-client exposes them, in the order of the declaration."""
    merged: dict[str, dict[Labels, float]] = {}
    for part in parts:
        for name, values in part.items():
            merged.setdefault(name, {}).update(values)
    for family in FAMILIES.values():
        if family.name in merged:
            kind = CounterMetricFamily if family.is_counter else GaugeMetricFamily
            metric = kind(family.name, family.help, labels=family.labels)
            for labels, value in sorted(merged[family.name].items()):
                metric.add_metric(labels, value)
            yield metric
