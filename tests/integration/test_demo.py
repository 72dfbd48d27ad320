"""`cfw demo` as a newcomer runs it: in a folder that does not exist yet, and then once more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.marts import read_mart

pytestmark = pytest.mark.xdist_group("demo")


def _demo(folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli.main", "demo", "--path", str(folder / "demo.duckdb")],
        env={n: v for n, v in os.environ.items() if not n.startswith(("CFW_", "PREFECT_"))},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_demo_builds_a_mart_and_a_second_one_changes_nothing(tmp_path: Path) -> None:
    """Same rows, same content hash, no new raw row; and the mart is one a person can use."""
    folder = tmp_path / "not" / "there"
    first, second = _demo(folder), _demo(folder)
    assert "first full run" in first
    assert "first full run" not in second
    assert "new raw rows: 0" in second
    hashes = [re.search(r"content hash (\w{64})", text) for text in (first, second)]
    assert hashes[0] is not None
    assert hashes[1] is not None
    assert hashes[0][1] == hashes[1][1]
    mart = read_mart(folder / "demo.duckdb")
    assert len(mart.columns) == 53
    assert mart.symbol.nunique() >= 8
    recent = mart[mart.timestamp_iso == mart.timestamp_iso.max()]
    assert recent.crypto_sentiment_count.gt(0).any()
    scored = mart.avg_minilm_score.dropna()
    assert len(scored) > 0, "the embedded model needs no download"
    assert scored.between(-1, 1).all()
    assert scored.nunique() > 10
    lexicon_only = mart[mart.avg_minilm_score.isna()].crypto_sentiment_count.fillna(0)
    assert lexicon_only.eq(0).all(), "every text the lexicon scored, the embedded model scored"
    assert mart.social_total_engagement.gt(0).any()
