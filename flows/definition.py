"""What defines the mart's SQL, as hashes: two warehouses with the same ones build the same rows."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from ingestion.config import PROJECT_ROOT

MART = "ml_features_materialized"
PROJECT = PROJECT_ROOT / "dbt_project"
#: Vars that say when, where and with how much memory to build, not what.
_CIRCUMSTANCES = (
    "as_of",
    "loaded_as_of",
    "build_tag",
    "only_symbols",
    "test_scope",
    "server_memory_mb",
)
_REF = re.compile(r"ref\('(\w+)'\)")
_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_LINE_COMMENT = re.compile(r"^\s*--(?! depends_on).*$", re.MULTILINE)


def project_vars() -> dict[str, Any]:
    """Return the dbt vars of the project that shape the mart's values."""
    declared = yaml.safe_load((PROJECT / "dbt_project.yml").read_text("utf-8"))["vars"]
    return {name: value for name, value in declared.items() if name not in _CIRCUMSTANCES}


def mart_columns() -> dict[str, str]:
    """Return the mart's columns in their order, with the types of its contract."""
    text = (PROJECT / "models" / "marts" / f"{MART}.yml").read_text("utf-8")
    model = next(m for m in yaml.safe_load(text)["models"] if m["name"] == MART)
    return {column["name"]: column["data_type"] for column in model["columns"]}


@cache
def definition() -> dict[str, str]:
    """Return a short hash of every part that the mart is made of.

    Parts are the mart's own model, those upstream of it, the seeds among them, the macros (the
    bodies for all engines, so that it does not matter which one built) and the contract. Comments
    do not count: they cannot change a row.
    """
    models = {path.stem: path for path in (PROJECT / "models").rglob("*.sql")}
    seeds = {path.stem: path for path in (PROJECT / "seeds").glob("*.csv")}
    macros = [p for p in (PROJECT / "macros").rglob("*.sql") if "tests" not in p.parts]
    parts = {f"macro {path.stem}": _sql_hash(path) for path in macros}
    waiting = [MART, *(name for path in macros for name in _REF.findall(_sql(path)))]
    while waiting:
        name = waiting.pop()
        path = models.get(name) or seeds[name]
        key = f"{'seed' if name in seeds else 'model'} {name}"
        if key not in parts:
            parts[key] = _sql_hash(path) if name in models else _hash(path.read_text("utf-8"))
            waiting += _REF.findall(_sql(path)) if name in models else []
    parts["contract"] = _hash(json.dumps(mart_columns()))
    return dict(sorted(parts.items()))


def definition_hash() -> str:
    """Return one hash over all parts of the definition."""
    return hashlib.sha256(json.dumps(definition()).encode()).hexdigest()


def code_version() -> dict[str, str | None]:
    """Return the package's version and, in a clone, the commit (`+` marks uncommitted changes)."""
    try:
        package = version("crypto-feature-warehouse")
    except PackageNotFoundError:
        package = None
    return {"package": package, "commit": _commit(PROJECT_ROOT)}


def _commit(root: Path) -> str | None:
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(root, "status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        # No git here, or a clone that it does not trust: the hashes above still tell.
        return None


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    done = subprocess.run(  # noqa: S603 - a fixed program
        command, capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.strip()


def _sql(path: Path) -> str:
    text = _COMMENT.sub(" ", path.read_text("utf-8"))
    return " ".join(_LINE_COMMENT.sub("", text).split())


def _sql_hash(path: Path) -> str:
    return _hash(_sql(path))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
