"""What the reading of a chunk gives, besides the plain ``Chunk`` of the forward steps."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from ingestion.errors import SourceError
from ingestion.extraction import Chunk
from ingestion.tables import Table


class ArrowChunk(NamedTuple):
    """Candidate rows of one table as Arrow: its declared columns, but for ``loaded_at``."""

    table: Table
    rows: pa.Table


class SourceFile(NamedTuple):
    """The file that a chunk came from, so that a replaced one is noticed later."""

    name: str
    checksum: str


Piece = Chunk | ArrowChunk | SourceFile


class NotThereError(SourceError):
    """The provider has no file for the chunk: not yet, not then, or a hole."""
