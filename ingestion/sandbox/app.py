"""The sandbox as one ASGI application: each provider under its own path, and a control API."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from ingestion.sandbox import (
    alternative_me,
    binance,
    binance_archive,
    blockchain_com,
    coinbase,
    coingecko,
    coinmetrics,
    fred,
    fredgraph,
    gdelt,
    glassnode,
    kraken,
    reddit,
    rss,
    stocktwits,
    worldbank,
)
from ingestion.sandbox.model import SandboxData
from ingestion.sandbox.state import SandboxMiddleware, SandboxState, iso, state_of


def create_app(data: SandboxData, *, now: datetime | None = None) -> Starlette:
    """Return the application that serves ``data``; its state is ``app.state.sandbox``.

    Args:
        data: the facts to serve.
        now: the clock, timezone-aware; a minute after the newest bar's close by default.
    """
    state = SandboxState(data, now)
    app = Starlette(
        routes=[
            Mount("/coinbase", routes=coinbase.ROUTES),
            Mount("/binance/api/v3", routes=binance.ROUTES),
            Mount("/kraken/0/public", routes=kraken.ROUTES),
            Mount("/coingecko/api/v3", routes=coingecko.ROUTES),
            Mount("/coinmetrics/v4", routes=coinmetrics.ROUTES),
            Mount("/glassnode/v1", routes=glassnode.ROUTES),
            Mount("/blockchain_com", routes=blockchain_com.ROUTES),
            Mount("/fred", routes=fred.ROUTES),
            Mount("/fredgraph", routes=fredgraph.ROUTES),
            Mount("/worldbank/v2", routes=worldbank.ROUTES),
            Mount("/alternative_me", routes=alternative_me.ROUTES),
            Mount("/stocktwits/api/2", routes=stocktwits.ROUTES),
            Mount("/rss", routes=rss.ROUTES),
            Mount("/vision", routes=binance_archive.ROUTES),
            Mount("/gdelt/api/v2/doc", routes=gdelt.ROUTES),
            Mount("/reddit", routes=reddit.ROUTES),
            Route("/_sandbox/clock", _clock, methods=["GET", "POST"]),
            Route("/_sandbox/faults", _faults, methods=["POST", "DELETE"]),
        ],
        middleware=[Middleware(SandboxMiddleware, state=state)],
    )
    app.state.sandbox = state
    return app


async def _clock(request: Request) -> JSONResponse:
    """GET or POST /_sandbox/clock {"now": ISO 8601}: read or move the clock."""
    if not _is_local(request):
        return _refused()
    state = state_of(request)
    if request.method == "POST":
        try:
            state.set_clock(datetime.fromisoformat((await _json(request))["now"]))
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"now must be ISO 8601: {error}"}, status_code=422)
    return JSONResponse({"now": iso(state.now)})


async def _faults(request: Request) -> JSONResponse:
    """POST or DELETE /_sandbox/faults: add a fault, or remove all."""
    if not _is_local(request):
        return _refused()
    board = state_of(request).faults
    if request.method == "DELETE":
        board.clear()
        return JSONResponse({"faults": 0})
    try:
        options = await _json(request)
        options.pop("rewrite", None)  # a function cannot come over the wire
        board.add(options.pop("prefix"), options.pop("kind"), **options)
    except (KeyError, TypeError, ValueError) as error:
        return JSONResponse({"error": f"not a fault: {error}"}, status_code=422)
    return JSONResponse({"faults": len(board)}, status_code=201)


async def _json(request: Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        msg = "the body must be a JSON object"
        raise TypeError(msg)
    return body


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:  # not an address: an ASGI client without a network
        return False


def _refused() -> JSONResponse:
    return JSONResponse({"error": "only from this machine"}, status_code=403)
