"""The mart that stood can be built again: every column, on every engine, after every revision.

A warehouse lives through two builds and then through revisions of everything that it holds (late
and corrected bars, restated days, new vintages, archived and edited articles, texts scored again).
From what it held before, the mart of that moment and every export of it come back.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features import FeatureError, get_features
from features.export import export, rebuild
from features.manifest import Manifest
from features.request import request
from flows import past, steps
from flows.cli.main import app
from flows.definition import mart_columns
from flows.errors import RunError
from ingestion.config import Settings
from tests.parity.compare import KEY, differences, read_mart
from tests.parity.raw_tables import copy_raw
from tests.parity.slices import SLICES, closes_at
from tests.support.mysql_server import ServerForTest
from tests.support.revisions import LATER, write_history

pytestmark = pytest.mark.xdist_group("past_states")

VALUES = [name for name in mart_columns() if name not in KEY]
BEFORE = f"loaded_at < {closes_at(LATER)}"
SYMBOLS = ("BTC", "SOL")
START = "2024-01-20"


def _between(first: str, after: str, seed: int) -> datetime:
    """Return a random moment between two loads."""
    begin, end = (datetime.fromisoformat(f"{day}T00:31Z") for day in (first, after))
    share = float(np.random.default_rng(seed).random())
    return begin + timedelta(seconds=round(share * (end - begin).total_seconds()) - 60)


#: Moments after the second and after the last slice; what is revised comes after both.
EARLIER = _between(SLICES[1], SLICES[2], 1)
MOMENT = _between(SLICES[3], LATER, 2)


@dataclass
class Place:
    """A warehouse that holds the history, on one engine.

    Attributes:
        source: a DuckDB file with the whole history.
    """

    settings: Settings
    source: Path

    def load(self, where: str) -> None:
        """Land the rows of the history for which the condition is true."""
        if self.settings.is_server:
            with duckdb.connect(str(self.source), read_only=True) as connection:
                prefix = self.settings.schema_prefix
                copy_raw(connection, self.settings.warehouse_url, prefix, where=where)
            return
        with duckdb.connect(self.settings.warehouse_url.removeprefix("duckdb:///")) as connection:
            connection.execute(f"attach '{self.source}' as source (read_only)")
            tables = "select table_name from duckdb_tables() where database_name = 'source'"
            connection.execute("create schema if not exists crypto_raw")
            for (name,) in connection.execute(tables).fetchall():
                rows = f"from source.crypto_raw.{name}"
                connection.execute(
                    f"create table if not exists crypto_raw.{name} as {rows} limit 0"
                )
                connection.execute(f"insert into crypto_raw.{name} by name {rows} where {where}")


@dataclass
class Lived:
    """The marts as they stood, and the place that went on living.

    Attributes:
        marts: by the moment at which each stood.
        final: the standing mart after the revisions.
        written: an export of the moment before the revisions, and where it lies.
    """

    place: Place
    marts: dict[datetime, pd.DataFrame]
    final: pd.DataFrame
    written: Manifest
    folder: Path


def _standing(place: Place) -> pd.DataFrame:
    steps.prepare(place.settings)
    steps.transform(place.settings)
    return read_mart(place.settings.warehouse_url, place.settings.schema_prefix)


def _exported(place: Place, out: Path, **options: Any) -> Manifest:
    asked = request(place.settings, SYMBOLS, START, None, None)
    state = past.pinned(place.settings, None, None, asked.symbols)
    return export(place.settings, asked, state, out, command="a test", **options).manifest


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole history, revisions included, in a DuckDB file."""
    path = tmp_path_factory.mktemp("source") / "source.duckdb"
    with duckdb.connect(str(path)) as connection:
        write_history(connection)
    return path


@pytest.fixture(scope="module")
def lived(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Grow the mart slice by slice, export it, and revise everything."""
    folder = tmp_path_factory.mktemp("lived")
    settings = Settings(
        _env_file=None,
        warehouse_url=f"duckdb:///{folder / 'warehouse.duckdb'}",
        data_dir=folder / "data",
    )
    place = Place(settings, source)
    earlier = f"timestamptz '{EARLIER.isoformat()}'"
    place.load(f"loaded_at <= {earlier}")
    marts = {EARLIER: _standing(place)}
    place.load(f"loaded_at > {earlier} and {BEFORE}")
    marts[MOMENT] = _standing(place)
    written = _exported(place, folder / "export")
    place.load(f"not ({BEFORE})")
    return Lived(place, marts, _standing(place), written, folder / "export")


@pytest.fixture(scope="module", params=[EARLIER, MOMENT], ids=lambda m: f"{m:%m-%dT%H%M}")
def rebuilt(
    lived: Lived, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The mart that stood, and the one built again from what was held and known at the moment."""
    moment: datetime = request.param
    path = tmp_path_factory.mktemp("past") / "past.duckdb"
    steps.transform(
        lived.place.settings,
        select=[f"+{past.MART}"],
        as_of=moment,
        loaded_as_of=moment,
        into=path,
    )
    return lived.marts[moment], read_mart(f"duckdb:///{path}", "crypto")


def test_the_moments_lie_between_the_loads() -> None:
    loads = [datetime.fromisoformat(f"{day}T00:30Z") for day in (*SLICES, LATER)]
    assert loads[1] < EARLIER < loads[2] < loads[3] < MOMENT < loads[4]


@pytest.mark.parametrize("column", VALUES)
def test_the_revisions_changed_what_stood(lived: Lived, column: str) -> None:
    """The tests below would prove nothing of a column whose history never changed."""
    stood = lived.marts[MOMENT].set_index(KEY)[column]
    assert stood.notna().sum() > 50
    now = lived.final.set_index(KEY)[column].reindex(stood.index)
    assert not np.allclose(stood, now, rtol=1e-6, atol=0, equal_nan=True)


@pytest.mark.parametrize("column", VALUES)
def test_every_column_comes_back(rebuilt: tuple[pd.DataFrame, pd.DataFrame], column: str) -> None:
    stood, again = (mart[[*KEY, *dict.fromkeys(("current_price", column))]] for mart in rebuilt)
    assert differences(stood, again) == []


def test_the_warehouse_is_only_read(lived: Lived, rebuilt: Any) -> None:
    now = read_mart(lived.place.settings.warehouse_url, "crypto")
    pd.testing.assert_frame_equal(now, lived.final)
    schemas = {
        row["s"] for row in _query(lived, "select distinct schema_name as s from duckdb_tables()")
    }
    assert not [name for name in schemas if "asof" in name]


def _query(lived: Lived, sql: str) -> list[dict[str, Any]]:
    return past.engine_for(lived.place.settings).query(sql, ())


def test_an_export_holds_the_rows_that_stood(lived: Lived) -> None:
    stood = lived.marts[MOMENT]
    day = pd.Timestamp(START)
    expected = stood[stood.symbol.isin(SYMBOLS) & (stood.timestamp_iso >= day)]
    expected = expected.sort_values(KEY, ignore_index=True)
    files = sorted(lived.folder.glob("month=*/part-0.parquet"))
    assert [f.path for f in lived.written.files] == [
        f"month=2024-0{number}/part-0.parquet" for number in (1, 2, 3)
    ]
    table = pa.concat_tables([pq.ParquetFile(path).read() for path in files])
    assert table.schema.field("timestamp_iso").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("social_unique_authors").type == pa.int64()
    assert table.schema.field("data_quality_score").type == pa.float64()
    found = table.to_pandas().sort_values(KEY, ignore_index=True)
    found["timestamp_iso"] = found["timestamp_iso"].dt.tz_localize(None)
    found = found.astype({"symbol": object, **dict.fromkeys(VALUES, "float64")})
    assert differences(expected.astype({"symbol": object}), found) == []
    for path in files:
        keys = pq.ParquetFile(path).read(columns=KEY).to_pandas()
        assert keys.equals(keys.sort_values(KEY))
        assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "ZSTD"


def test_an_export_comes_back_after_the_revisions(lived: Lived, tmp_path: Path) -> None:
    again = rebuild(lived.place.settings, lived.written, tmp_path / "again", keep_build=True)
    assert again.content_hash == lived.written.content_hash
    assert Manifest.read(tmp_path / "again").content_hash == lived.written.content_hash
    assert again.loaded_as_of == lived.written.loaded_as_of == "2024-03-20T00:30:00+00:00"
    # the same state as an ordinary call, so that the kept build serves it
    frame = get_features(
        SYMBOLS, START, loaded_as_of=again.loaded_as_of, settings=lived.place.settings
    )
    assert len(frame) == lived.written.row_count


def test_an_interrupted_export_goes_on(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The build that was finished is taken up again, and no half folder is ever seen."""
    settings, out = lived.place.settings, tmp_path / "out"
    rebuild(settings, lived.written, keep_build=True)
    asked = request(settings, SYMBOLS, START, None, "vix")
    state = past.pinned(
        settings, None, datetime.fromisoformat(lived.written.loaded_as_of), asked.symbols
    )
    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", _killed)
        with pytest.raises(KeyboardInterrupt):
            export(settings, asked, state, out)
    assert not out.exists()
    monkeypatch.setattr(steps, "transform", _killed)
    assert export(settings, asked, state, out, keep_build=True).is_new
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _killed(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_an_export_is_not_overwritten(lived: Lived) -> None:
    settings = lived.place.settings
    asked = request(settings, SYMBOLS, START, None, None)
    state = past.PastState(None, datetime.fromisoformat(lived.written.loaded_as_of), asked.symbols)
    there = export(settings, asked, state, lived.folder)
    assert not there.is_new
    assert there.manifest.content_hash == lived.written.content_hash
    with pytest.raises(FeatureError, match="holds another export"):
        export(settings, replace(asked, columns=asked.columns[:9]), state, lived.folder)
    with pytest.raises(FeatureError, match="is there and is no export"):
        export(settings, asked, state, lived.folder.parent)


def test_a_load_that_ended_late_is_named(lived: Lived, source: Path, tmp_path: Path) -> None:
    """A row of a load that began before the pin and ended after it is told, not taken silently."""
    settings = Settings(
        _env_file=None,
        warehouse_url=f"duckdb:///{tmp_path / 'warehouse.duckdb'}",
        data_dir=tmp_path / "data",
    )
    place = Place(settings, source)
    place.load(BEFORE)
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute(
            "insert into crypto_raw.macro_observations by name select * replace (value * 2 as "
            "value, available_at + interval 1 hour as available_at, vintage_date + 3 as "
            "vintage_date) from crypto_raw.macro_observations where series_id = 'VIXCLS' and "
            "observation_date = '2024-02-10'"
        )
    with pytest.raises(FeatureError) as caught:
        rebuild(settings, lived.written)
    line = str(caught.value)
    assert "\n" not in line
    assert "columns with other values: vix;" in line
    assert "months: month=2024-02;" in line
    assert re.search(r"raw macro_observations: \d+ rows had been loaded by 2024-03-20", line)


def test_the_standing_mart_is_read_with_its_types(lived: Lived) -> None:
    settings = lived.place.settings
    frame = get_features("BTC", "2024-02-01", "2024-02-03", settings=settings)
    assert list(frame.columns) == list(mart_columns())
    assert str(frame.timestamp_iso.dtype) == "datetime64[us, UTC]"
    assert str(frame.social_post_count.dtype) == "Int64"
    assert str(frame.rsi_14.dtype) == "float64"
    stood = lived.final[
        (lived.final.symbol == "BTC")
        & (lived.final.timestamp_iso >= "2024-02-01")
        & (lived.final.timestamp_iso < "2024-02-03")
    ]
    assert np.array_equal(frame.rsi_14, stood.rsi_14, equal_nan=True)
    arrow = get_features(["SOL"], columns=["vix"], format="arrow", settings=settings)
    assert arrow.column_names == ["symbol", "timestamp_iso", "vix"]
    stood_vix = lived.final[lived.final.symbol == "SOL"].vix
    assert arrow["vix"].null_count == int(stood_vix.isna().sum())


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"symbols": "BTZ"}, r"unknown symbol 'BTZ' \(did you mean .*BTC"),
        ({"columns": "rsi14"}, r"unknown column 'rsi14' \(did you mean rsi_14"),
        ({"start": "2024-02-02", "end": "2024-02-01"}, "is not before end"),
        ({"start": "2030-01-01"}, "the mart has 2023-12-20 .* to 2024-03-"),
        ({"start": "2024-02-01T00:00"}, "has no offset from UTC"),
        ({"start": "yesterday"}, "not a time"),
        ({"symbols": "ADA"}, "has no row of ADA"),
        ({"build_name": "june"}, "no build 'june' here"),
        ({"format": "csv"}, "choose from pandas, polars, arrow"),
    ],
)
def test_a_wrong_request_is_one_line(lived: Lived, asked: dict[str, Any], line: str) -> None:
    with pytest.raises(RunError, match=line) as caught:
        get_features(**{"symbols": "BTC", **asked}, settings=lived.place.settings)
    assert "\n" not in str(caught.value)


def test_the_commands_say_what_they_did(
    lived: Lived, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CFW_WAREHOUSE_URL", lived.place.settings.warehouse_url)
    monkeypatch.setenv("CFW_DATA_DIR", str(lived.place.settings.data_dir))
    rebuild(lived.place.settings, lived.written, keep_build=True)
    run = CliRunner().invoke
    listed = json.loads(run(app, ["builds", "--json"]).stdout)
    assert [build["symbols"] for build in listed] == [", ".join(SYMBOLS)]
    options = ["--symbols", ",".join(SYMBOLS), "--loaded-as-of", lived.written.loaded_as_of]
    out = str(tmp_path / "out")
    done = run(app, ["export", *options, "--columns", "vix,rsi_14", "--out", out, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["rows"] == len(lived.marts[MOMENT][lived.marts[MOMENT].symbol.isin(SYMBOLS)])
    assert run(app, ["builds", "--json"]).stdout.strip() == "[]", "an export drops its build"
    refused = run(app, ["export", "--from-manifest", out, "--symbols", "BTC"])
    assert refused.exit_code == 1
    assert "leave them out" in str(refused.exception)


def test_every_engine_builds_the_past_and_the_exports_again(
    lived: Lived, source: Path, server: ServerForTest, tmp_path: Path
) -> None:
    """The same promises on a server, and one hash over all engines."""
    place = Place(server.settings(), source)
    place.load(BEFORE)
    own = _exported(place, tmp_path / "own")
    place.load(f"not ({BEFORE})")

    for moment, stood in lived.marts.items():
        state = past.PastState(moment, moment)
        mart = past.build(place.settings, state)
        prefix = mart.table.removesuffix(f"_marts.{past.MART}")
        assert differences(stood, read_mart(server.url, prefix)) == []
        past.drop(place.settings, mart.name)

    assert rebuild(place.settings, own, keep_build=True).content_hash == own.content_hash
    assert rebuild(place.settings, lived.written).content_hash == lived.written.content_hash
    assert own.row_count == lived.written.row_count
    frame = get_features(
        SYMBOLS, START, loaded_as_of=own.loaded_as_of, columns="vix", settings=place.settings
    )
    assert len(frame) == own.row_count
    assert str(frame.timestamp_iso.dtype) == "datetime64[us, UTC]"
    kept = [build["name"] for build in past.builds(place.settings)]
    for name in kept:
        past.drop(place.settings, name)
    # Raw rows, and where their loader stages them; nothing of a build.
    left = {name.removeprefix(server.prefix) for name in server.databases()}
    assert {name for name in left if not name.startswith("_raw")} == set()
