"""`make bench` prints the tables and writes data/bench.json; `python -m bench PART...` runs parts.

CFW_BENCH_MARIADB_URL and CFW_BENCH_MYSQL_URL add those servers; CFW_BENCH_SHARE runs a share of the
history. A part run alone writes no file.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

from bench import backfill, ingestion, scoring
from bench.results import Result, publish, show
from bench.scale import measure

Say = Callable[[str], None]


def _engine(name: str, variable: str | None) -> Callable[[float, Say], Iterator[Result]]:
    def run(share: float, say: Say) -> Iterator[Result]:
        url = os.environ.get(variable) if variable else name
        if url:
            yield from measure(name, url, share, say)

    return run


def _scoring(_share: float, say: Say) -> Iterator[Result]:
    yield from scoring.measure(say)


PARTS: dict[str, Callable[[float, Say], Iterator[Result]]] = {
    "duckdb": _engine("duckdb", None),
    "mariadb": _engine("mariadb", "CFW_BENCH_MARIADB_URL"),
    "mysql": _engine("mysql", "CFW_BENCH_MYSQL_URL"),
    "ingestion": ingestion.measure,
    "scoring": _scoring,
    "backfill": backfill.measure,
}
#: Not in the whole: it kills what it measures.
_ON_REQUEST = ("backfill",)


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
