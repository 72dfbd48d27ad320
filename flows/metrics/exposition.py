"""The exporter's two faces: a text, and an HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from flows.errors import RunError
from flows.metrics.collector import WarehouseCollector
from ingestion.config import Settings


def registry_of(settings: Settings) -> CollectorRegistry:
    """Return a registry that reads the warehouse when it is asked."""
    registry = CollectorRegistry()
    registry.register(WarehouseCollector(settings))
    return registry


def exposition(settings: Settings) -> str:
    """Read everything once and return it in Prometheus' text format."""
    return generate_latest(registry_of(settings)).decode()


@contextmanager
def bound(settings: Settings, host: str, port: int) -> Iterator[int]:
    """Answer scrapes while the block runs; yields the port.

    Raises:
        RunError: the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(port, host, registry_of(settings))
    except OSError as error:
        msg = f"--port {port}: cannot listen on {host} ({error.strerror}); choose another port"
        raise RunError(msg) from None
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
