"""What a benchmark is, and what it hands back.

A benchmark is one file in a folder of `benchmarks`: `run.py` of a system's folder, with its tasks
and figures beside it, or a file of `studies`. Its first docstring line describes it, and it holds

    NAME = "measured-pendulum"        # a literal; the name given to `run`
    X64 = True                        # a literal; the precision of its process (optional, False)
    SEEDS = 3                         # a literal; seeds when the user names none (optional, 3)

    def run(settings: Settings) -> Result: ...

The three literals are read without importing the file, so that the precision is fixed (through the
environment, before JAX is imported) and each benchmark has a process and a precision of its own.
Inside `run`:

    path = settings.data_file("record.npz")          # Path; ends the run with the reason if absent
    for seed in settings.seeds: ...                  # a tuple of integers
    steps = settings.scaled(2000, fast=20)           # small under `--fast`, which proves nothing
    settings.save_figure(figure, "phase")            # DIR/NAME-phase.png; nothing without --figures
    with settings.clock("HNN, training"): ...        # seconds by name, printed and stored
    scores = settings.part("HNN", {"steps": steps}, train)   # train(), kept in --store DIR
    run = training.fit(settings, "HNN", model, ...)          # goes on where it was killed
    rows = [
        at_most("state RMSE", ours, 0.03, {"Neural ODE": other}, unit="rad"),   # with a bar
        Row("energy lost", ours),                                               # no bar: reported
        Row("ratio", ratios, bar="<= 0.5 HNN", holds=median(ratios) <= 0.5),    # a bar in words
    ]
    return Result(rows, notes=("the record is damped",))

`ours` and each baseline are one number or one number a seed: the table shows the median and, behind
it, the least and the greatest. A value that is not finite breaks its bar.
"""

import contextlib
import dataclasses
import functools
import hashlib
import json
import math
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Numbers = float | Sequence[float]


class MissingData(Exception):
    """A benchmark's data or peer is not on this machine; the text says what and where it looked."""


def _numbers(values: Numbers) -> tuple[float, ...]:
    """One number or many (a list, a NumPy or JAX vector) as a tuple of Python floats."""
    items = values.tolist() if hasattr(values, "tolist") else values
    return tuple(float(v) for v in items) if isinstance(items, list | tuple) else (float(items),)


def median(values: Numbers) -> float:
    """Median over the seeds; `nan` if a value is not a number (infinite values count as such)."""
    numbers = _numbers(values)
    return math.nan if any(math.isnan(v) for v in numbers) else statistics.median(numbers)


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a result table.

    - `metric`: what is measured; `unit`: its unit ("" for a pure number).
    - `ours`, `baselines`: one number, or one a seed, here and by baseline name.
    - `bar`: the promise in words ("" for none); `holds`: whether it is kept (None for no bar).
    - `listed`: whether README shows it; the record and the terminal always do.

    A comparison of equals has no number of ours, only columns by name.
    """

    metric: str
    ours: tuple[float, ...]
    baselines: Mapping[str, tuple[float, ...]] = dataclasses.field(default_factory=dict)
    unit: str = ""
    bar: str = ""
    holds: bool | None = None
    listed: bool = True

    def __post_init__(self):
        named = {name: _numbers(values) for name, values in self.baselines.items()}
        object.__setattr__(self, "ours", _numbers(self.ours))
        object.__setattr__(self, "baselines", named)
        object.__setattr__(self, "holds", None if self.holds is None else bool(self.holds))
        if not self.ours and not self.baselines:
            raise ValueError(f"row {self.metric!r} holds no number")
        if (self.holds is None) != (self.bar == ""):
            raise ValueError(f"row {self.metric!r}: bar {self.bar!r} with holds={self.holds}")


def at_most(
    metric: str,
    ours: Numbers,
    limit: float,
    baselines: Mapping[str, Numbers] | None = None,
    *,
    unit: str = "",
) -> Row:
    """Row whose bar is `median(ours) <= limit`."""
    holds = median(ours) <= limit
    return Row(metric, ours, baselines or {}, unit, f"<= {limit:g}", holds)


def at_least(
    metric: str,
    ours: Numbers,
    limit: float,
    baselines: Mapping[str, Numbers] | None = None,
    *,
    unit: str = "",
) -> Row:
    """Row whose bar is `limit <= median(ours) < inf`; infinity is a failure, not a triumph."""
    middle = median(ours)
    return Row(metric, ours, baselines or {}, unit, f">= {limit:g}", limit <= middle < math.inf)


@dataclasses.dataclass(frozen=True)
class Result:
    """What `run` returns: the rows of the table and remarks printed below it.

    `matrix`: a table of words, header first, that README shows in place of the rows.
    """

    rows: Sequence[Row]
    notes: Sequence[str] = ()
    matrix: Sequence[Sequence[str]] = ()

    @property
    def holds(self) -> bool:
        """Whether every row that has a bar keeps it."""
        return all(row.holds for row in self.rows if row.holds is not None)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What the command line asked of one benchmark.

    - `seeds`: the seeds to run, `(0, ..., n-1)`; every number reported is a median over them.
    - `figures`: folder for figures, or None; `data`: folder of measured data, or None.
    - `store`: folder in which a resumable benchmark keeps its finished parts, or None.
    - `fast`: shrink every size to seconds (a smoke test: its numbers prove nothing).
    - `clocks`: seconds by name, filled by `clock`; `parts`: where each part came
      from and the seconds that it took there.
    - `scope`: the parts under way; `trainings`: folders of the trainings begun (see `training.py`);
      `resumed`: the seconds that earlier runs had spent on each training that went on.
    """

    name: str
    seeds: tuple[int, ...]
    figures: Path | None = None
    data: Path | None = None
    store: Path | None = None
    fast: bool = False
    clocks: dict[str, float] = dataclasses.field(default_factory=dict)
    parts: list[tuple[str, float]] = dataclasses.field(default_factory=list)
    scope: list[str] = dataclasses.field(default_factory=list)
    trainings: list[Path] = dataclasses.field(default_factory=list)
    resumed: list[float] = dataclasses.field(default_factory=list)

    def scaled(self, value, *, fast):
        """`value`, or `fast` when a smoke test was asked for."""
        return fast if self.fast else value

    def data_file(self, name: str) -> Path:
        """Path of a measured-data file; raises `MissingData` where it is absent."""
        if self.data is None:
            raise MissingData(f"{name}: give its folder by --data DIR or DYNNETS_DATA")
        path = self.data / name
        if not path.is_file():
            raise MissingData(f"{name} is not in {self.data}")
        return path

    def save_figure(self, figure, label: str) -> None:
        """Write `figure` as `FIGURES/NAME-label.png` if a folder was given."""
        if self.figures is not None:
            self.figures.mkdir(parents=True, exist_ok=True)
            figure.savefig(self.figures / f"{self.name}-{label}.png", dpi=120, bbox_inches="tight")

    @contextlib.contextmanager
    def clock(self, label: str) -> Iterator[None]:
        """Add the block's wall seconds to `clocks[label]` (the caller waits for devices)."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.clocks[label] = self.clocks.get(label, 0.0) + time.perf_counter() - start

    def part(self, label: str, asked: Mapping[str, Any], measure: Callable[[], Any]) -> Any:
        """`measure()`, a JSON value, or what an earlier run with this `store` had of it.

        A finished part lies in `STORE/LABEL.json` with its clocks and seconds. It is made anew
        where other numbers are asked of it, other seeds, `fast` or not; one that other code made is
        taken, and `origin` says so. A part that draws figures names their folder in `asked`.
        """
        asked = json.loads(json.dumps({**asked, "seeds": self.seeds, "fast": self.fast}))
        path = None if self.store is None else self.store / f"{file_name(label)}.json"
        code = code_digest()  # what runs now: files may change before an hour's part is finished
        if path is not None and path.is_file():
            kept = json.loads(path.read_text(encoding="utf-8"))
            if kept["asked"] == asked:
                for clock, seconds in kept["clocks"].items():
                    self.clocks[clock] = self.clocks.get(clock, 0.0) + seconds
                origin = "kept" if kept["code"] == code else "kept, other code"
                self.parts.append((origin, kept["seconds"]))
                return kept["value"]
        print(f"{self.name}: {label}", file=sys.stderr, flush=True)
        before, begun, resumed = dict(self.clocks), len(self.trainings), len(self.resumed)
        start = time.perf_counter()
        self.scope.append(label)
        try:
            value = measure()
        finally:
            self.scope.pop()
        seconds = time.perf_counter() - start + sum(self.resumed[resumed:])
        self.parts.append(("made", seconds))
        if path is not None:
            spent = {k: v - before.get(k, 0.0) for k, v in self.clocks.items()}
            clocks = {k: v for k, v in spent.items() if v > 0.0}
            record = {"asked": asked, "code": code, "seconds": seconds}
            record |= {"clocks": clocks, "value": value}
            path.parent.mkdir(parents=True, exist_ok=True)
            written = path.with_suffix(".unfinished")
            written.write_text(json.dumps(record), encoding="utf-8")
            written.replace(path)
            for folder in self.trainings[begun:]:  # its checkpoints have done their work
                shutil.rmtree(folder, ignore_errors=True)
                folder.with_name(f"{folder.name}.json").unlink(missing_ok=True)
        return value

    def origin(self) -> list[str]:
        """Remarks on what earlier runs had done; none where there was nothing."""
        kept = [origin for origin, _ in self.parts if origin != "made"]
        other = kept.count("kept, other code")
        remark = f"{len(kept)} of {len(self.parts)} parts were finished by earlier runs"
        remark += f", {other} of them by other code" if other else ""
        remarks = [f"{remark}; compilation and memory are of this run"] if kept else []
        if self.resumed:
            remarks.append(f"{len(self.resumed)} trainings went on from earlier runs' checkpoints")
        return remarks

    @property
    def earlier(self) -> float:
        """Seconds that earlier runs spent on the parts and the trainings taken from them."""
        kept = sum(seconds for origin, seconds in self.parts if origin != "made")
        return kept + sum(self.resumed)


def file_name(label: str) -> str:
    """A label as the name of a file."""
    return re.sub(r"[^\w.,=+-]+", "-", label).strip("-")


@functools.cache
def code_digest() -> str:
    """Digest of the library and the benchmarks."""
    root, digest = Path(__file__).parents[2], hashlib.sha256()
    files = [path for name in ("dynnets", "benchmarks") for path in (root / name).rglob("*.py")]
    for path in sorted(files):
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
