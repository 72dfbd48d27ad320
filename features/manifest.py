"""The manifest of an export: what it holds, and all that is needed to make it again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from features.canonical import METHOD, content_hash
from features.errors import FeatureError

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class File:
    """One month.

    Attributes:
        path: inside the export, such as `month=2024-01/part-0.parquet`.
        content_hash: of the values, whatever wrote them.
        sha256: of the bytes, to find a damaged copy.
    """

    path: str
    rows: int
    bytes: int
    content_hash: str
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """See docs/training-sets.md for what each part promises."""

    format: int
    command: str
    created_at: str
    symbols: list[str]
    start: str | None
    end: str | None
    as_of: str | None
    loaded_as_of: str
    code: dict[str, str | None]
    definition_hash: str
    definition: dict[str, str]
    models: dict[str, Any]
    vars: dict[str, Any]
    raw_rows: dict[str, int]
    row_count: int
    columns: list[dict[str, str]]
    hash_method: str
    content_hash: str
    column_hashes: dict[str, str]
    files: list[File]
    edges: dict[str, dict[str, list[int]]] = field(default_factory=dict)

    def pins(self) -> dict[str, Any]:
        """Return what makes two exports the same request."""
        names = ("symbols", "start", "end", "as_of", "loaded_as_of", "vars", "definition_hash")
        return {
            **{name: getattr(self, name) for name in names},
            "columns": [column["name"] for column in self.columns],
        }

    def write(self, folder: Path) -> None:
        """Write the manifest into an export's folder."""
        lines = [
            f"  {json.dumps(name)}: {json.dumps(value, default=str)}"
            for name, value in asdict(self).items()
        ]
        (folder / NAME).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """Read a manifest, given as a file or as the export's folder.

        Raises:
            FeatureError: there is none, or it is not one that this version can read.
        """
        path = path / NAME if path.is_dir() else path
        if not path.is_file():
            msg = f"no manifest at {path}; give the manifest.json of an export, or its folder"
            raise FeatureError(msg)
        try:
            told = json.loads(path.read_text("utf-8"))
            told["files"] = [File(**file) for file in told["files"]]
            found = cls(**told)
        except (ValueError, TypeError, KeyError) as error:
            msg = f"{path} cannot be read as a manifest ({error}); take the one that was exported"
            raise FeatureError(msg) from None
        if (found.format, found.hash_method) != (FORMAT, METHOD):
            msg = (
                f"{path} has format {found.format} and hash {found.hash_method}; this version "
                f"reads {FORMAT} and {METHOD}: use the one that wrote it ({found.code['package']})"
            )
            raise FeatureError(msg)
        return found


def total_hash(files: list[File]) -> str:
    """Return the hash of the whole content."""
    return content_hash([(file.path, file.content_hash) for file in files])


def moment_of(text: str | None) -> datetime | None:
    """Return a time of the manifest."""
    return datetime.fromisoformat(text) if text else None


def differences(then: Manifest, now: Manifest) -> list[str]:
    """Return what differs between an export and its rebuild: what was found, then likely causes."""
    found: list[str] = []
    if then.row_count != now.row_count:
        found.append(f"rows: {then.row_count:,} then, {now.row_count:,} now")
    columns = [
        name for name, value in then.column_hashes.items() if now.column_hashes.get(name) != value
    ]
    if columns:
        found.append(f"columns with other values: {_few(columns)}")
    hashes = {file.path: file.content_hash for file in now.files}
    months = [
        f.path.split("/")[0] for f in then.files if hashes.pop(f.path, None) != f.content_hash
    ]
    months += [path.split("/")[0] for path in hashes]
    if months:
        found.append(f"months: {_few(months)}")
    return found + causes(then, now)


def causes(then: Manifest, now: Manifest) -> list[str]:
    """Return what may make a rebuild differ: other raw rows, other code."""
    found = []
    for table, rows in then.raw_rows.items():
        if now.raw_rows.get(table) != rows:
            found.append(
                f"raw {table}: {rows:,} rows had been loaded by {then.loaded_as_of} then, "
                f"{now.raw_rows.get(table, 0):,} now (a load that ended late, or rows deleted)"
            )
    if then.code != now.code:
        found.append(f"code version: {_version(then)} then, {_version(now)} now")
    names = then.definition.keys() | now.definition.keys()
    changed = sorted(n for n in names if then.definition.get(n) != now.definition.get(n))
    if changed:
        found.append(f"SQL definition changed: {_few(changed)}")
    return found


def _version(manifest: Manifest) -> str:
    return f"{manifest.code['package']} ({manifest.code['commit'] or 'no clone'})"


def _few(names: list[str], most: int = 8) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
