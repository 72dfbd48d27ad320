"""Glassnode: one metric of one asset, as it stands now, and as it was first computed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.model import OnchainVersion, midnight
from ingestion.sandbox.onchain_rows import current_values
from ingestion.sandbox.state import now_of, state_of

#: Path: the metric it shows, and whether it is a volume, which has a currency.
METRICS = {
    "addresses/active_count": ("AdrActCnt", False),
    "transactions/count": ("TxCnt", False),
    "market/mvrv": ("CapMVRVCur", False),
    "supply/current": ("SplyCur", False),
    "transactions/transfers_volume_to_exchanges_sum": ("FlowInExUSD", True),
    "transactions/transfers_volume_from_exchanges_sum": ("FlowOutExUSD", True),
    "mining/hash_rate_mean": ("HashRate", False),
}
#: Metrics with a point-in-time twin, which starts so many days after the series.
PIT_METRICS = frozenset(
    {
        "addresses/active_count",
        "transactions/transfers_volume_to_exchanges_sum",
        "transactions/transfers_volume_from_exchanges_sum",
    }
)
PIT_DELAY = timedelta(days=100)
#: Exists, but in a higher plan.
FORBIDDEN = frozenset({"indicators/sopr"})
BAD_KEY = "nobody"
LIMITS = {"x-rate-limit-limit": "600", "x-rate-limit-remaining": "599", "x-rate-limit-reset": "60"}


async def metric(request: Request) -> JSONResponse:
    """GET /metrics/{category}/{name}: the points of [s, u), oldest first."""
    query, now = request.query_params, now_of(request)
    keys = [key for key in (request.headers.get("x-api-key"), query.get("api_key")) if key]
    if len(keys) != 1 or keys[0] == BAD_KEY:
        return _refusal(401, "invalid or missing api key")
    path = f"{request.path_params['category']}/{request.path_params['name']}"
    series = path.removesuffix("_pit")
    is_pit = path != series
    if path in FORBIDDEN:
        return _refusal(403, "the metric is not part of your plan")
    if series not in METRICS or (is_pit and series not in PIT_METRICS):
        return _refusal(404, "no such metric")
    name, is_volume = METRICS[series]
    asset = query.get("a", "")
    versions = state_of(request).data.onchain.get(asset.lower(), {}).get(name)
    if asset != asset.upper() or versions is None:
        return _refusal(400, f"asset {asset!r} is not supported by this metric")
    if query.get("i", "24h") != "24h" or query.get("f", "json") != "json":
        return _refusal(400, "bad interval or format")
    if ("c" in query and not is_volume) or query.get("c", "usd") not in ("usd", "native"):
        return _refusal(400, "bad currency")
    try:
        first, until = (_moment(query.get(bound)) for bound in ("s", "u"))
    except ValueError:
        return _refusal(400, "bad range")
    shown = first_values(versions, now) if is_pit else current_values(versions, now)
    points = [
        _point(version, is_pit=is_pit)
        for day, version in sorted(shown.items())
        if (first is None or midnight(day) >= first) and (until is None or midnight(day) < until)
    ]
    return JSONResponse(points, headers=LIMITS)


def first_values(versions: tuple[OnchainVersion, ...], now: datetime) -> dict[date, OnchainVersion]:
    """Return, per day, the version that was known first, from the day on when that was kept."""
    kept_from = min((v.day for v in versions), default=now.date()) + PIT_DELAY
    shown: dict[date, OnchainVersion] = {}
    for version in sorted(versions, key=lambda v: v.visible_from()):
        if version.day >= kept_from and version.visible_from() <= now:
            shown.setdefault(version.day, version)
    return shown


def _point(version: OnchainVersion, *, is_pit: bool) -> dict[str, Any]:
    point: dict[str, Any] = {
        "t": int(midnight(version.day).timestamp()),
        "v": float(version.value),
    }
    if is_pit:
        point["computed_at"] = int(version.visible_from().timestamp())
    return point


def _moment(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text else None


def _refusal(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status_code=status, headers=LIMITS)


ROUTES = [Route("/metrics/{category}/{name}", metric)]
