"""`make bench` prints the tables and writes data/bench.json; `python -m bench PART...` runs parts.

CFW_BENCH_MARIADB_URL and CFW_BENCH_MYSQL_URL name the servers; without the first a private MariaDB
is started where it is installed. CFW_BENCH_SHARE runs a share of the history. A part run alone
writes no file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from bench import backfill, embedded, ingestion, parity, scoring
from bench.results import Result, publish, show
from bench.scale import measure
from bench.servers import bench_server

Say = Callable[[str], None]


def _duckdb(share: float, say: Say) -> Iterator[Result]:
    yield from measure("duckdb", "duckdb", share, say)


def _server(engine: str) -> Callable[[float, Say], Iterator[Result]]:
    def run(share: float, say: Say) -> Iterator[Result]:
        with bench_server(engine, say) as url:
            if url:
                yield from measure(engine, url, share, say)

    return run


def _scoring(_share: float, say: Say) -> Iterator[Result]:
    yield from scoring.measure(say)
    yield from embedded.measure(say)


PARTS: dict[str, Callable[[float, Say], Iterator[Result]]] = {
    "duckdb": _duckdb,
    "mariadb": _server("mariadb"),
    "mysql": _server("mysql"),
    "ingestion": ingestion.measure,
    "scoring": _scoring,
    "backfill": backfill.measure,
    "parity": parity.measure,
}
#: Not in the whole: one kills what it measures, the other measures no speed.
_ON_REQUEST = ("backfill", "parity")


def main() -> None:
    """Run what can run here, or the parts that are named."""
    share = float(os.environ.get("CFW_BENCH_SHARE", "1"))
    if unknown := [name for name in sys.argv[1:] if name not in PARTS]:
        sys.exit(f"no part '{unknown[0]}'; choose from {', '.join(PARTS)}")
    chosen = sys.argv[1:] or [name for name in PARTS if name not in _ON_REQUEST]
    results = [result for name in chosen for result in PARTS[name](share, _say)]
    if sys.argv[1:]:
        show(results)
    else:
        publish(results)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
