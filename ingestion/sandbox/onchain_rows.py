"""Rows of daily on-chain metrics as they stood at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from ingestion.sandbox.model import OnchainVersion, SandboxData
from ingestion.sandbox.state import iso

Row = dict[str, str | None]
#: Figures that the provider reviews after it first shows them carry their status.
REVIEWABLE = ("Flow", "SplyEx")


@dataclass(frozen=True)
class RowRequest:
    """Which metrics of which assets, over which days, in which order."""

    metrics: dict[str, list[str]]
    start: date | None = None
    end: date | None = None
    start_inclusive: bool = True
    end_inclusive: bool = True
    by_time: bool = False
    limit_per_asset: int | None = None
    newest_first_limit: bool = True


def rows_of(data: SandboxData, wanted: RowRequest, now: datetime) -> list[Row]:
    """Return one row per asset and day that has a value at ``now``.

    A metric that the asset has on other days but not on this one is null.
    """
    rows: list[Row] = []
    for asset in sorted(wanted.metrics):
        own = _asset_rows(data, asset, wanted, now)
        if wanted.limit_per_asset is not None:
            keep = wanted.limit_per_asset
            own = own[-keep:] if wanted.newest_first_limit else own[:keep]
        rows += own
    if wanted.by_time:
        rows.sort(key=lambda row: (row["time"] or "", row["asset"] or ""))
    return rows


def current_values(
    versions: tuple[OnchainVersion, ...], now: datetime
) -> dict[date, OnchainVersion]:
    """Return, per day, the version shown at ``now``: the one that became known last."""
    shown: dict[date, OnchainVersion] = {}
    for version in versions:
        since = version.visible_from()
        if since > now:
            continue
        other = shown.get(version.day)
        if other is None or other.visible_from() <= since:
            shown[version.day] = version
    return shown


def _asset_rows(data: SandboxData, asset: str, wanted: RowRequest, now: datetime) -> list[Row]:
    metrics = wanted.metrics[asset]
    values = {
        metric: current_values(
            tuple(v for v in data.onchain[asset][metric] if _in_range(v.day, wanted)), now
        )
        for metric in metrics
    }
    days = sorted({day for shown in values.values() for day in shown})
    rows: list[Row] = []
    for day in days:
        row: Row = {"asset": asset, "time": f"{day.isoformat()}T00:00:00.000000000Z"}
        for metric in metrics:
            version = values[metric].get(day)
            row[metric] = version.value if version else None
            if version and metric.startswith(REVIEWABLE):
                row[f"{metric}-status"] = "revised" if version.known_at else "reviewed"
                row[f"{metric}-status-time"] = iso(version.visible_from())
        rows.append(row)
    return rows


def _in_range(day: date, wanted: RowRequest) -> bool:
    if wanted.start and (
        day < wanted.start or (day == wanted.start and not wanted.start_inclusive)
    ):
        return False
    is_late = wanted.end and (day > wanted.end or (day == wanted.end and not wanted.end_inclusive))
    return not is_late
