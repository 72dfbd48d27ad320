"""Labelled texts in files: the sets that ship, and others a user points at."""

import csv
import gzip
import io
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path

from scoring.errors import LabelsError
from scoring.evaluate import Labelled
from scoring.evaluate_mentions import NamedText
from scoring.registry import Meaning

SHIPPED = Path(__file__).with_name("evaluation")
HEADLINES = SHIPPED / "headlines.csv"
MENTIONS = SHIPPED / "mentions.csv"

TEXT_COLUMNS = ("text", "headline", "title", "news")  # the first that a file has
LABEL_COLUMNS = ("label", "final_manual_labelling", "sentiment")
_ENDINGS = (".csv", ".csv.gz", ".tsv", ".tsv.gz")
_MEANINGS: dict[str, Meaning] = {
    "-1": "negative",
    "0": "neutral",
    "1": "positive",
    "negative": "negative",
    "neutral": "neutral",
    "positive": "positive",
}


def read_labelled(path: Path) -> list[Labelled]:
    """Read texts with a class: -1, 0, 1 or negative, neutral, positive.

    The text stands in a column named text, headline, title or news, the class in one named label,
    final_manual_labelling or sentiment. The file is CSV in UTF-8, or parted by tabs without quotes
    if its name ends in .tsv; either may be gzipped.

    Raises:
        LabelsError: The file cannot be read, lacks a column, or has a row without text or class.
    """
    rows: list[Labelled] = []
    for line, text, label in _pairs(path, TEXT_COLUMNS, LABEL_COLUMNS):
        meaning = _MEANINGS.get(label.strip().lower())
        if meaning is None:
            msg = f"{path}, line {line}: label '{label[:40]}' must be -1, 0, 1 or a class name"
            raise LabelsError(msg)
        rows.append(Labelled(text, meaning))
    return rows


def read_named(path: Path, known: Collection[str]) -> list[NamedText]:
    """Read texts with the symbols they name, parted by spaces; no symbol means none is named.

    Raises:
        LabelsError: As for `read_labelled`, or a symbol is not one of the known ones.
    """
    rows: list[NamedText] = []
    for line, text, named in _pairs(path, ("text",), ("symbols",)):
        symbols = frozenset(named.split())
        unknown = sorted(symbols - set(known))
        if unknown:
            msg = f"{path}, line {line}: {', '.join(unknown)} is no symbol of the asset list"
            raise LabelsError(msg)
        rows.append(NamedText(text, symbols))
    return rows


def find_sets(folder: Path) -> list[Path]:
    """Return the labelled files of a folder, by name.

    Raises:
        LabelsError: The folder is not there or holds no labelled file.
    """
    if not folder.is_dir():
        msg = f"CFW_LABELS_DIR: no such folder {folder}; leave it empty for the shipped set alone"
        raise LabelsError(msg)
    found = sorted(path for path in folder.iterdir() if path.name.endswith(_ENDINGS))
    if not found:
        msg = f"CFW_LABELS_DIR: {folder} holds no file that ends in {', '.join(_ENDINGS)}"
        raise LabelsError(msg)
    return found


def _pairs(
    path: Path, text_names: tuple[str, ...], value_names: tuple[str, ...]
) -> Iterator[tuple[int, str, str]]:
    """Yield (line, text, value) per row of a file."""
    lines = io.StringIO(_read(path), newline="")
    if ".tsv" in path.suffixes:
        reader = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.DictReader(lines, strict=True)
    try:
        columns = reader.fieldnames or ()
        text_column = _column(path, columns, text_names)
        value_column = _column(path, columns, value_names)
        empty = True
        for row in reader:
            text, value = row[text_column], row[value_column]
            if value is None or not (text or "").strip():
                msg = f"{path}, line {reader.line_num}: no {text_column} or no {value_column}"
                raise LabelsError(msg)
            empty = False
            yield reader.line_num, text, value
    except csv.Error as error:
        msg = f"{path}, line {reader.line_num}: not a table of CSV or tabs ({error})"
        raise LabelsError(msg) from error
    if empty:
        msg = f"{path}: holds no labelled text"
        raise LabelsError(msg)


def _column(path: Path, columns: Collection[str], names: tuple[str, ...]) -> str:
    for name in names:
        if name in columns:
            return name
    has = ", ".join(str(column)[:30] for column in list(columns)[:10]) or "nothing"
    msg = f"{path}: has no column {' or '.join(names)}; its columns are: {has}"
    raise LabelsError(msg)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        return content.decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        msg = f"cannot read the labelled file {path}: {reason}"
        raise LabelsError(msg) from error
