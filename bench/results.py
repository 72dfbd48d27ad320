"""What a benchmark found: a figure, its goal, and whether it is met."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

RESULTS = Path("data/bench.json")


@dataclass(frozen=True)
class Result:
    """One figure. `goal` is a limit in the unit of the value; `at_most` tells its direction."""

    name: str
    value: float
    unit: str
    goal: float | None = None
    at_most: bool = True

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


def show(results: list[Result]) -> None:
    """Print the results as a table."""
    table = Table("name", "value", "unit", "goal", "met", title="Benchmarks")
    for result in results:
        sign = "<=" if result.at_most else ">="
        goal = "-" if result.goal is None else f"{sign} {result.goal:g}"
        met = {None: "-", True: "yes", False: "NO"}[result.met]
        table.add_row(result.name, f"{result.value:,.3g}", result.unit, goal, met)
    Console().print(table)


def publish(results: list[Result]) -> None:
    """Print the results as a table and write them as JSON."""
    show(results)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {k: v for k, v in asdict(result).items() if k != "at_most"} | {"met": result.met}
        for result in results
    ]
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
