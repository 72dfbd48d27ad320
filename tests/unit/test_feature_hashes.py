"""The hash of an export: the same for the same rows, another one for others."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import FeatureError
from features.canonical import METHOD, column_hashes
from features.manifest import FORMAT, Manifest, differences

COLUMNS = ("vix", "macd_line", "rsi_14", "current_price")
#: Half of the margin by which two builds may differ, relative to what a column's bits are.
NOISE = 2.0**-41


def table_of(values: np.ndarray, columns: tuple[str, ...] = COLUMNS) -> pa.Table:
    """Return a table with a column per name; NaN is NULL."""
    arrays = [pa.array(v, mask=np.isnan(v)) for v in values]
    return pa.table(dict(zip(columns, arrays, strict=True)))


def mart_like(seed: int, rows: int) -> np.ndarray:
    """Return prices, and values of other sizes, some of them zero or missing."""
    random = np.random.default_rng(seed)
    price = 10 ** random.uniform(-4, 5, rows)
    macd = price * random.normal(0, 0.01, rows) * random.choice([1, 1e-9, 0], rows)
    vix = np.where(random.random(rows) < 0.1, np.nan, random.uniform(-50, 90, rows))
    return np.array([vix, macd, random.uniform(0, 100, rows), price])


@given(st.integers(0, 2**32), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_builds_that_differ_in_their_last_bits_have_one_hash(seed: int, noise: int) -> None:
    values = mart_like(seed, 4000)
    random = np.random.default_rng(noise)
    scale = np.array([np.abs(values[0]), values[3], np.full(4000, 100.0), values[3]])
    other = values + random.uniform(-NOISE, NOISE, values.shape) * scale
    hashes, edges = column_hashes(table_of(values), COLUMNS)
    again, kept = column_hashes(table_of(other), COLUMNS, edges)
    assert again == hashes
    assert kept == edges


def test_without_the_edges_such_builds_differ() -> None:
    """The manifest needs them: among so many cells some lie beside an edge of the grid."""
    values = mart_like(7, 200_000)
    other = values * (1 + 1e-13)
    hashes, edges = column_hashes(table_of(values), COLUMNS)
    plain, _ = column_hashes(table_of(other), COLUMNS)
    assert plain != hashes
    assert column_hashes(table_of(other), COLUMNS, edges)[0] == hashes
    cells = sum(map(len, edges.values()))
    assert 0 < cells < 0.001 * values.size


@given(st.integers(0, 2**32), st.sampled_from(range(4)), st.floats(1.6e-8, 0.5))
@settings(max_examples=50, deadline=None)
def test_one_moved_value_has_another_hash(seed: int, column: int, share: float) -> None:
    values = mart_like(seed, 500)
    hashes, edges = column_hashes(table_of(values), COLUMNS)
    row = int(np.random.default_rng(seed).integers(500))
    before = values[column, row]
    scale = max(abs(before), 100.0 if column == 2 else 0.0, values[3, row] if column == 1 else 0.0)
    values[column, row] = 1.0 if np.isnan(before) else before + share * max(scale, 1e-6)
    moved, _ = column_hashes(table_of(values), COLUMNS, edges)
    assert moved[COLUMNS[column]] != hashes[COLUMNS[column]]


def test_a_missing_value_is_not_zero() -> None:
    zero, missing = (table_of(np.array([[1.0, value]]), ("vix",)) for value in (0.0, np.nan))
    assert column_hashes(zero, ("vix",))[0] != column_hashes(missing, ("vix",))[0]
    minus = table_of(np.array([[1.0, -0.0]]), ("vix",))
    assert column_hashes(minus, ("vix",))[0] == column_hashes(zero, ("vix",))[0]


def test_the_hash_does_not_change_with_versions() -> None:
    """Exports of earlier versions must be recognised: these figures are part of the format."""
    table = pa.table(
        {
            "symbol": ["BTC", "ETH"],
            "timestamp_iso": pa.array([0, 3_600_000_000], pa.timestamp("us", tz="UTC")),
            "vix": [12.5, None],
            "social_post_count": pa.array([None, 3], pa.int64()),
        }
    )
    hashes, edges = column_hashes(table, table.column_names)
    assert edges == {}
    assert {name: value[:16] for name, value in hashes.items()} == {
        "symbol": "a492c3b28a0bfc82",
        "timestamp_iso": "99d550ebbc240af7",
        "vix": "183ae107ffe59ea9",
        "social_post_count": "cd78808af6925d79",
    }
    chunked = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert column_hashes(chunked, table.column_names)[0] == hashes


def manifest_of(**changes: object) -> Manifest:
    """Return a small manifest."""
    plain = Manifest(
        format=FORMAT,
        command="cfw export",
        created_at="2024-01-01T00:00:00+00:00",
        symbols=["BTC"],
        start=None,
        end=None,
        as_of=None,
        loaded_as_of="2024-01-01T00:00:00+00:00",
        code={"package": "1", "commit": "abc"},
        definition_hash="d",
        definition={"model a": "1", "model b": "1"},
        models={},
        vars={},
        raw_rows={"price_bars": 10},
        row_count=1,
        columns=[],
        hash_method=METHOD,
        content_hash="h",
        column_hashes={"vix": "1"},
        files=[],
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_what_differs_is_named() -> None:
    now = manifest_of(
        code={"package": "2", "commit": "def"},
        definition={"model a": "2", "model c": "1"},
        raw_rows={"price_bars": 12},
        column_hashes={"vix": "2"},
    )
    told = "; ".join(differences(manifest_of(), now))
    assert "columns with other values: vix" in told
    assert "raw price_bars: 10 rows had been loaded" in told
    assert "code version: 1 (abc) then, 2 (def) now" in told
    assert "SQL definition changed: model a, model b, model c" in told
    assert differences(manifest_of(), manifest_of()) == []


def test_a_manifest_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FeatureError, match="no manifest at"):
        Manifest.read(tmp_path)
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(FeatureError, match="cannot be read as a manifest"):
        Manifest.read(tmp_path)
    manifest_of().write(tmp_path)
    assert Manifest.read(tmp_path) == manifest_of()
    told = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    (tmp_path / "manifest.json").write_text(json.dumps({**told, "hash_method": "later"}))
    with pytest.raises(FeatureError, match="use the one that wrote it"):
        Manifest.read(tmp_path)
