"""Runs the code cells of a notebook in one namespace: all that a notebook of plain Python needs.

`PYTHONPATH=. python -m tests.support.notebook docs/notebook.ipynb` runs one and stores what its
cells print, as Jupyter would.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any


def run_notebook(path: Path) -> list[tuple[dict[str, Any], str]]:
    """Return each code cell with what it printed.

    Raises:
        AssertionError: a cell failed; names its number and its error.
    """
    notebook = json.loads(path.read_text("utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__"}
    done = []
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for number, cell in enumerate(cells, start=1):
        printed = io.StringIO()
        program = compile("".join(cell["source"]), f"{path.name} cell {number}", "exec")
        try:
            with contextlib.redirect_stdout(printed):
                exec(program, namespace)  # noqa: S102 - the project's own notebook
        except Exception as error:
            msg = f"{path.name}, code cell {number}: {type(error).__name__}: {error}"
            raise AssertionError(msg) from error
        done.append((cell, printed.getvalue()))
    return done


def store_outputs(path: Path) -> None:
    """Run a notebook and write what its cells printed into it."""
    notebook = json.loads(path.read_text("utf-8"))
    printed = iter(text for _, text in run_notebook(path))
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            number += 1
            lines = next(printed).splitlines(keepends=True)
            cell["execution_count"] = number
            cell["outputs"] = [{"name": "stdout", "output_type": "stream", "text": lines}]
    path.write_text(json.dumps(notebook, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    store_outputs(Path(sys.argv[1]))
