"""Coin Metrics community API: daily asset metrics with paging tokens, and their catalogue."""

from __future__ import annotations

import base64
import binascii
from datetime import date, datetime, time, timedelta
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.model import SandboxData
from ingestion.sandbox.onchain_rows import Row, RowRequest, rows_of
from ingestion.sandbox.state import now_of, state_of

MAX_PAGE = 10_000
#: Metrics that exist but are not part of the community tier.
FORBIDDEN = frozenset(
    {
        *("AdrNewCnt", "BlkSizeByte", "CapMVRVZ", "CapRealUSD", "DiffMean", "FeeMedUSD"),
        *("FeeTotUSD", "NVTAdj", "NVTAdj90", "SplyAct1d", "SplyAct1yr"),
        *("TxTfrValAdjNtv", "TxTfrValAdjUSD"),
    }
)
PARAMETERS = frozenset(
    {
        *("assets", "metrics", "frequency", "start_time", "end_time", "start_inclusive"),
        *("end_inclusive", "page_size", "paging_from", "sort", "limit_per_asset", "status"),
        *("timezone", "null_as_zero", "ignore_forbidden_errors", "ignore_unsupported_errors"),
        *("pretty", "next_page_token", "format"),
    }
)
LIMIT_HEADERS = {
    "x-ratelimit-limit": '10, 10;w=6;comment="sliding window"',
    "x-ratelimit-remaining": "9",
    "x-ratelimit-reset": "6",
    "x-ratelimit-plan": "community",
}


class BadRequest(Exception):
    """A request the provider refuses, with the status and the error it answers."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        """Keep what the answer says."""
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


async def asset_metrics(request: Request) -> JSONResponse:
    """GET /timeseries/asset-metrics: wide rows by asset and day, in pages."""
    state, query = state_of(request), request.query_params
    try:
        wanted = parse(query, state.data, state.catalogue.by_coinmetrics)
        body = page(rows_of(state.data, wanted, now_of(request)), query)
    except BadRequest as refused:
        error = {"error": {"type": refused.kind, "message": refused.message}}
        return JSONResponse(error, status_code=refused.status, headers=LIMIT_HEADERS)
    if "next_page_token" in body:
        url = request.url.include_query_params(next_page_token=body["next_page_token"])
        body["next_page_url"] = str(url)
    return JSONResponse(body, headers=LIMIT_HEADERS)


async def catalog(request: Request) -> JSONResponse:
    """GET /catalog-v2/asset-metrics: what each asset has, and from when to when."""
    state, now = state_of(request), now_of(request)
    known = state.catalogue.by_coinmetrics
    assets = [a for a in request.query_params.get("assets", "").split(",") if a] or list(known)
    for asset in assets:
        if asset not in known:
            message = f"Bad parameter 'assets'. Value '{asset}' is not supported."
            error = {"error": {"type": "bad_parameter", "message": message}}
            return JSONResponse(error, status_code=400, headers=LIMIT_HEADERS)
    data = [{"asset": asset, "metrics": _metrics(state.data, asset, now)} for asset in assets]
    return JSONResponse({"data": data}, headers=LIMIT_HEADERS)


def parse(query: QueryParams, data: SandboxData, known: Any) -> RowRequest:
    """Return what rows are asked for.

    Raises:
        BadRequest: a parameter is unknown, missing or bad, or a metric is not for this tier.
    """
    for name in query:
        if name not in PARAMETERS:
            raise BadRequest(400, "bad_parameter", f"Bad parameter '{name}'. It is not supported.")
    assets, metrics = _names(query, "assets"), _names(query, "metrics")
    frequency = query.get("frequency", "1d")
    for asset in assets:
        if asset not in known:
            raise _bad(asset, "assets")
    pairs = {}
    for asset in assets:
        allowed = [m for m in metrics if _is_served(query, data, asset, m, frequency)]
        if allowed:
            pairs[asset] = allowed
    limit = query.get("limit_per_asset")
    if limit is not None and not limit.isdigit():
        raise _bad(limit, "limit_per_asset")
    return RowRequest(
        metrics=pairs,
        start=_day(query, "start_time"),
        end=_day(query, "end_time"),
        start_inclusive=query.get("start_inclusive", "true") != "false",
        end_inclusive=query.get("end_inclusive", "true") != "false",
        by_time=query.get("sort", "asset") == "time",
        limit_per_asset=int(limit) if limit else None,
        newest_first_limit=query.get("paging_from", "end") == "end",
    )


def page(rows: list[Row], query: QueryParams) -> dict[str, Any]:
    """Return one page of ``rows`` and the token of the next, if there is one.

    Pages are cut from the end unless ``paging_from=start``; inside a page rows ascend.
    """
    size_text = query.get("page_size", "100")
    if not size_text.isdigit() or not 1 <= int(size_text) <= MAX_PAGE:
        raise _bad(size_text, "page_size")
    size, side = int(size_text), query.get("paging_from", "end")
    if side not in ("start", "end"):
        raise _bad(side, "paging_from")
    keys = [f"{row['asset']}|{row['time']}" for row in rows]
    first, last = 0, len(rows)
    if "next_page_token" in query:
        boundary = _decoded(query["next_page_token"])
        if boundary not in keys:
            raise _bad(query["next_page_token"], "next_page_token")
        at = keys.index(boundary)
        first, last = (at + 1, last) if side == "start" else (first, at)
    if last - first <= size:
        return {"data": rows[first:last]}
    if side == "start":
        return {"data": rows[first : first + size], **_token(keys[first + size - 1])}
    return {"data": rows[last - size : last], **_token(keys[last - size])}


def _is_served(
    query: QueryParams, data: SandboxData, asset: str, metric: str, frequency: str
) -> bool:
    has = data.onchain.get(asset, {})
    if metric in data.community_metrics and metric in has and frequency == "1d":
        return True
    is_known = metric in data.community_metrics or metric in FORBIDDEN or metric in has
    if not is_known:
        raise _bad(metric, "metrics")
    if metric in data.community_metrics and frequency == "1d":
        if query.get("ignore_unsupported_errors") == "true":
            return False
        message = f"Bad parameter 'metrics'. Value '{metric}' is not supported for '{asset}'."
        raise BadRequest(400, "bad_parameter", message)
    if query.get("ignore_forbidden_errors") == "true":
        return False
    message = (
        f"Requested metric '{metric}' with frequency '{frequency}' for asset '{asset}' "
        "is not available with supplied credentials."
    )
    raise BadRequest(403, "forbidden", message)


def _metrics(data: SandboxData, asset: str, now: datetime) -> list[dict[str, Any]]:
    found = []
    for metric, versions in sorted(data.onchain.get(asset, {}).items()):
        days = [v.day for v in versions if v.visible_from() <= now]
        if not days:
            continue
        span = {"min_time": _stamp(min(days)), "max_time": _stamp(max(days))}
        is_free = metric in data.community_metrics
        frequency = {"frequency": "1d", **span, "community": is_free}
        found.append({"metric": metric, "frequencies": [frequency]})
    return found


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00.000000000Z"


def _names(query: QueryParams, name: str) -> list[str]:
    names = [part for part in query.get(name, "").split(",") if part]
    if not names:
        message = f"Missing parameter '{name}'."
        raise BadRequest(400, "missing_parameter", message)
    return list(dict.fromkeys(names))


def _day(query: QueryParams, name: str) -> date | None:
    text = query.get(name)
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _bad(text, name) from None
    is_inside_day = moment.time() != time(0)
    return moment.date() + timedelta(days=name == "start_time" and is_inside_day)


def _bad(value: str, name: str) -> BadRequest:
    message = f"Bad parameter '{name}'. Value '{value}' is not supported."
    return BadRequest(400, "bad_parameter", message)


def _token(key: str) -> dict[str, str]:
    return {"next_page_token": "0." + base64.urlsafe_b64encode(key.encode()).decode().rstrip("=")}


def _decoded(token: str) -> str:
    text = token.removeprefix("0.")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""


ROUTES = [
    Route("/timeseries/asset-metrics", asset_metrics),
    Route("/catalog-v2/asset-metrics", catalog),
]
