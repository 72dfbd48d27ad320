"""`make bench` prints the tables and writes data/bench.json; `python -m bench scoring` a part.

CFW_BENCH_MARIADB_URL and CFW_BENCH_MYSQL_URL add those servers; CFW_BENCH_SHARE runs a share of the
history.
"""

from __future__ import annotations

import os
import sys

from bench import scoring
from bench.results import Result, publish
from bench.scale import measure


def main() -> None:
    """Run what can run here, or what is named: engines, scoring."""
    chosen = sys.argv[1:] or ["engines", "scoring"]
    results: list[Result] = []
    if "engines" in chosen:
        results += _engines()
    if "scoring" in chosen:
        results += scoring.measure(lambda line: print(line, file=sys.stderr))
    publish(results)


def _engines() -> list[Result]:
    share = float(os.environ.get("CFW_BENCH_SHARE", "1"))
    places = {
        "duckdb": "duckdb",
        "mariadb": os.environ.get("CFW_BENCH_MARIADB_URL"),
        "mysql": os.environ.get("CFW_BENCH_MYSQL_URL"),
    }
    results: list[Result] = []
    for engine, url in places.items():
        if url:
            results += measure(engine, url, share, lambda line: print(line, file=sys.stderr))
    return results


if __name__ == "__main__":
    main()
