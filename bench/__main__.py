"""`make bench`: prints the tables and writes data/bench.json.

CFW_BENCH_MARIADB_URL and CFW_BENCH_MYSQL_URL add those servers; CFW_BENCH_SHARE runs a share of the
history. `python -m bench ingestion` or `backfill` runs one part alone, and writes no file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from bench import backfill, ingestion
from bench.results import Result, publish, show
from bench.scale import measure

#: Parts by name. ``backfill`` is no part of the whole: it kills what it measures.
PARTS: dict[str, Callable[[float, Callable[[str], None]], Iterator[Result]]] = {
    "ingestion": ingestion.measure,
    "backfill": backfill.measure,
}


def main() -> None:
    """Run what can run here, or the parts that are named."""
    share = float(os.environ.get("CFW_BENCH_SHARE", "1"))
    if unknown := [name for name in sys.argv[1:] if name not in PARTS]:
        sys.exit(f"no part '{unknown[0]}'; choose from {', '.join(PARTS)}")
    if sys.argv[1:]:
        show([result for name in sys.argv[1:] for result in PARTS[name](share, _say)])
        return
    places = {
        "duckdb": "duckdb",
        "mariadb": os.environ.get("CFW_BENCH_MARIADB_URL"),
        "mysql": os.environ.get("CFW_BENCH_MYSQL_URL"),
    }
    results: list[Result] = []
    for engine, url in places.items():
        if url:
            results += measure(engine, url, share, _say)
    results += ingestion.measure(share, _say)
    publish(results)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
