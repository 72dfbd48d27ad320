"""Two scoring workers on a server, one killed every few seconds: is every text scored once?

    python -m bench.workers mysql://user:password@host:port --texts 100000 --every 30

Besides the lexicon they score with a tiny transformer of CryptoBERT's architecture and labels: what
is tested is the work, not the model.
The texts, and the queue, go into a schema prefix of their own, which is dropped in the end.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingestion.config import Settings
from ingestion.destination import Warehouse

START = datetime(2024, 1, 1, tzinfo=UTC)
ROWS = 10_000
WORDS = [
    *("bitcoin", "ether", "solana", "falls", "rises", "sharply", "after", "record", "outflows"),
    *("judge", "exchange", "fees", "traders", "hawkish", "bullish", "crash", "rally", "fund"),
]


@dataclass(frozen=True)
class Outcome:
    """What the workers left behind.

    Attributes:
        scored: scores per model.
        twice: texts with more than one score of a model.
        unscored: texts without a score, summed over models.
        waiting: rows left in the queue.
    """

    texts: int
    kills: int
    seconds: float
    scored: dict[str, int]
    twice: int
    unscored: int
    waiting: int

    @property
    def is_exact(self) -> bool:
        """Whether each text was scored exactly once by each model."""
        return not (self.twice or self.unscored or self.waiting)


def land_texts(settings: Settings, count: int) -> None:
    """Land articles of words; a tenth of them as an archive would."""
    warehouse, dice = Warehouse(settings), random.Random(5)  # noqa: S311
    warehouse.ensure_tables()
    for first in range(0, count, ROWS):
        rows = []
        for number in range(first, min(first + ROWS, count)):
            text = f"{' '.join(dice.choices(WORDS, k=dice.randint(4, 40)))} {number}"
            at = START + timedelta(seconds=number)
            rows.append(
                {
                    **{"feed": "workers", "guid": str(number), "category": "crypto", "text": text},
                    "text_version": hashlib.sha256(text.encode()).hexdigest(),
                    **dict.fromkeys(("url", "canonical_url", "summary", "author", "raw")),
                    **dict.fromkeys(("published_at", "first_seen_at", "available_at"), at),
                    **{"title": text, "is_backfilled": number % 10 == 0, "is_sample": True},
                }
            )
        warehouse.load("workers", {"articles": rows})


def tiny_transformer(folder: Path) -> dict[str, str]:
    """Make a tiny CryptoBERT and return the settings that score with it and the lexicon."""
    from bench.scoring import make_model
    from scoring.registry import load_registry

    sizes = dict.fromkeys(("hidden_size", "intermediate_size"), 32)
    sizes |= dict.fromkeys(("num_hidden_layers", "num_attention_heads"), 2)
    make_model("cryptobert", folder / "cryptobert", **sizes)
    lexicon, spec = load_registry().get("vader"), load_registry().get("cryptobert")
    labels = ", ".join(f'{{ name = "{x.name}", meaning = "{x.meaning}" }}' for x in spec.labels)
    # Random weights know no sentence, so the registry has no golden ones.
    file = folder / "models.toml"
    file.write_text(
        f'''[[models]]
key = "{lexicon.key}"
kind = "lexicon"
id = "{lexicon.id}"
package = "{lexicon.package}"
licence = "{lexicon.licence}"
enabled = true
routes = ["crypto", "posts"]

[[models]]
key = "{spec.key}"
kind = "transformer"
id = "{spec.id}"
revision = "{spec.revision}"
licence = "random weights"
enabled = true
max_length = {spec.max_length}
routes = ["crypto", "posts"]
labels = [{labels}]
''',
        encoding="utf-8",
    )
    return {
        "CFW_MODELS_FILE": str(file),
        "CFW_MODELS_DIR": str(folder),
        "CFW_SCORE_MODELS": "vader,cryptobert",
        "CFW_THREADS": "1",
    }


def score_with_kills(
    settings: Settings,
    *,
    every: float,
    texts: int,
    env: dict[str, str],
    say: Callable[[str], None],
    most: int | None = None,
) -> Outcome:
    """Run two workers until nothing waits, killing one in turn; a killed one is started again.

    Args:
        settings: a server with texts.
        every: seconds between two kills, counted while both work.
        texts: how many there are.
        env: settings of the workers, such as which models.
        say: gets a line per kill.
        most: stop killing after so many.
    """
    started, kills = time.monotonic(), 0
    workers = [_start(settings, number, env) for number in (0, 1)]
    next_kill = started + every
    try:
        while any(worker.poll() is None for worker in workers):
            time.sleep(0.2)
            done = sum(_scored(settings).values())
            if time.monotonic() < next_kill or not done or (most is not None and kills >= most):
                continue
            victim = kills % 2
            workers[victim].kill()
            workers[victim].wait()
            kills += 1
            say(f"killed worker {victim + 1} at {done:,} scores")
            workers[victim] = _start(settings, victim, env)
            next_kill = time.monotonic() + every
        failed = [worker.returncode for worker in workers if worker.returncode]
        if failed:
            msg = f"a worker ended with {failed}"
            raise RuntimeError(msg)
    finally:
        for worker in workers:
            worker.kill()
    models = env["CFW_SCORE_MODELS"].split(",")
    return _outcome(settings, texts, len(models), kills, time.monotonic() - started)


def _start(settings: Settings, number: int, env: dict[str, str]) -> subprocess.Popen[bytes]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CFW_")}
    own = {
        "CFW_WAREHOUSE_URL": settings.warehouse_url,
        "CFW_SCHEMA_PREFIX": settings.schema_prefix,
        "CFW_DATA_DIR": str(settings.data_dir / f"worker{number}"),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "score", "--json", "--wait", "600"],
        env={**inherited, "OMP_NUM_THREADS": "1", **own, **env},
        stdout=subprocess.DEVNULL,
    )


def _scored(settings: Settings) -> dict[str, int]:
    warehouse = Warehouse(settings)
    rows = warehouse.query(
        f"select model_id, count(*) as n from {warehouse.table('sentiment_scores')} group by 1"
    )
    return {row["model_id"]: int(row["n"]) for row in rows}


def _outcome(settings: Settings, texts: int, models: int, kills: int, seconds: float) -> Outcome:
    warehouse = Warehouse(settings)
    twice = warehouse.query(
        "select count(*) as n from (select 1 as one from "
        f"{warehouse.table('sentiment_scores')} "
        "group by text_id, model_id, model_revision having count(*) > 1) as repeated"
    )[0]["n"]
    waiting = warehouse.query(
        f"select count(*) as n from `{settings.dataset}_stg_queue`.scoring_queue"
    )[0]["n"]
    scored = _scored(settings)
    distinct = warehouse.query(
        f"select count(distinct text_id, model_id) as n from {warehouse.table('sentiment_scores')}"
    )[0]["n"]
    unscored = texts * models - int(distinct)
    return Outcome(texts, kills, seconds, scored, int(twice), unscored, int(waiting))


def main() -> None:
    """Run it on a given server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--every", type=float, default=30.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            warehouse_url=given.url, schema_prefix="bench_workers", data_dir=Path(folder)
        )
        land_texts(settings, given.texts)
        print(f"{given.texts:,} texts landed", file=sys.stderr)
        outcome = score_with_kills(
            settings,
            every=given.every,
            texts=given.texts,
            env={**tiny_transformer(Path(folder) / "models"), "CFW_SCORE_CHUNK": "1000"},
            say=lambda line: print(line, file=sys.stderr),
        )
        print(outcome)
        warehouse = Warehouse(settings)
        for schema in (
            "raw",
            "raw_stg_queue",
            "raw_stg_scoring",
            "raw_stg_tables",
            "raw_stg_workers",
        ):
            warehouse.query(f"drop database if exists bench_workers_{schema}")
        sys.exit(0 if outcome.is_exact else 1)


if __name__ == "__main__":
    main()
