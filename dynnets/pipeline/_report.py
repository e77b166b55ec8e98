"""What `learn` gives back: a table, a verdict, figures, a saved model and its certificate."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from dynnets.analysis import Certificate
from dynnets.models import AbstractModel

QUICK_REMARK = (
    "A quick run: it shows that everything works; its nets are too small and too little trained to "
    "choose a model by."
)


class Row(NamedTuple):
    """One model of the table.

    - `name`: of the model; `kind`: conservative, damped or baseline; `assumes`: what must hold for
      it to be right.
    - `metrics`: its numbers by name, each `(seeds,)`.
    - `seconds`: what training took; `parameters`: how many numbers were learned.
    """

    name: str
    kind: str
    assumes: str
    metrics: dict[str, np.ndarray]
    seconds: float
    parameters: int

    def median(self, metric: str) -> float:
        """The median of a metric over the seeds; infinite where it is not finite."""
        value = float(np.median(self.metrics[metric]))
        return value if np.isfinite(value) else float("inf")


class Report(NamedTuple):
    """The outcome of `learn`: `print(report)` shows the table with the verdict.

    - `title`: the headline; `columns`: the metrics that the table shows; `rows`: its lines, one for
      each model; `verdict`: the sentences that say which model to trust, and why.
    - `chosen`: the name of the recommended model; `model`: that model in the units of the record,
      from the seed of least validation error; `models`: the same for every candidate, by name.
    - `certificate`: what the chosen model preserves, graded.
    - `details`: further numbers, as JSON holds them.
    - `folder`: where the files are, or `None`.
    - `draw`: a function without arguments that makes the figures, `name -> figure`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    verdict: tuple[str, ...]
    chosen: str
    model: Any
    models: dict[str, AbstractModel]
    certificate: Certificate
    details: dict[str, Any]
    folder: Path | None
    draw: Callable[[], dict[str, Any]]

    def of_quick_run(self) -> "Report":
        """The same, whose verdict begins by saying what a run of few updates is worth."""
        return self._replace(verdict=(QUICK_REMARK, *self.verdict))

    # a report is asked by name, never by place
    def __getitem__(self, name: str) -> Row:  # pyrefly: ignore[bad-override]
        """The row of a model. Raises `ValueError` for an unknown name."""
        found = {row.name: row for row in self.rows}
        if name not in found:
            raise ValueError(f"there is no model {name!r}; there are {', '.join(found)}")
        return found[name]

    def to_json(self) -> dict[str, Any]:
        """Everything but models and figures, as JSON holds it."""
        return plain(
            {
                "title": self.title,
                "chosen": self.chosen,
                "verdict": self.verdict,
                "models": [row._asdict() for row in self.rows],
                "certificate": self.certificate.to_json(),
                **self.details,
            }
        )

    def __str__(self) -> str:
        header = ("model", *self.columns, "seconds", "parameters")
        rows = [_cells(row, self.columns, row.name == self.chosen) for row in self.rows]
        return "\n".join([self.title, "", table(header, rows), "", *self.verdict])


def _cells(row: Row, columns: Sequence[str], chosen: bool) -> tuple[str, ...]:
    values = [with_spread(row.metrics[c]) if c in row.metrics else "-" for c in columns]
    name = f"* {row.name}" if chosen else f"  {row.name}"
    return (name, *values, f"{row.seconds:.0f}", str(row.parameters))


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of text under a header; the first column is aligned left, the others right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row):
        cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=True)]
        return "  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip()

    return "\n".join([line(header), "-" * len(line(header)), *map(line, rows)])


def number(value: float) -> str:
    """A number with two digits, readable at every size; "diverged" if it is not finite."""
    if not np.isfinite(value):
        return "diverged"
    return f"{value:.2g}" if value == 0 or 1e-3 <= abs(value) < 10 else _large_or_small(value)


def _large_or_small(value: float) -> str:
    return f"{value:.0f}" if 10 <= abs(value) < 1e5 else f"{value:.0e}"


def with_spread(values: Any) -> str:
    """The median over the seeds, then their range in brackets where there is one."""
    values = np.asarray(values, float).ravel()
    middle = number(float(np.median(values)))
    low, high = number(float(values.min())), number(float(values.max()))
    return middle if low == high else f"{middle} [{low}, {high}]"


def plain(value: Any) -> Any:
    """`value` as JSON can hold it: numbers that are not finite become strings."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return plain(value.tolist())
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON."""
    path.write_text(json.dumps(plain(value), indent=2) + "\n", encoding="utf-8")
