"""Saved models at work: forecasts and certificates from the file alone."""

import csv
import os
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from dynnets._core import check_positive
from dynnets.analysis import Certificate
from dynnets.data import Trial, central_velocities, load_table
from dynnets.plotting import plot_forecast
from dynnets.training import load_model, read_metadata

from ._certify import certify_model

_LONGEST = 1_000_000


class SavedForecast(NamedTuple):
    """A forecast by a saved model.

    It holds the times `ts (n,)`, the states `xs (n, d)`, the names of the `d` columns and the name
    of the time.
    """

    ts: np.ndarray
    xs: np.ndarray
    names: tuple[str, ...]
    time_name: str

    def save(self, path: str | os.PathLike, *, overwrite: bool = False) -> None:
        """Write a CSV file with named columns. Raises `ValueError` if it exists already."""
        if Path(path).exists() and not overwrite:
            raise ValueError(f"{path} exists already; nothing was overwritten")
        try:
            with open(path, "w", newline="", encoding="utf-8") as file:
                self.write(file)
        except OSError as error:
            raise ValueError(f"cannot write {path}: {error.strerror}") from None

    def draw(self) -> Any:
        """A matplotlib figure of the forecast."""
        figure, _ = plot_forecast(
            self.ts[:1],
            self.xs[:1],
            {"forecast": (self.ts, self.xs)},
            names=self.names,
            time_name=self.time_name,
            record_name="start",
        )
        return figure

    def write(self, file: Any) -> None:
        """Write the CSV to an open text file."""
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([self.time_name, *self.names])
        for t, x in zip(self.ts, self.xs, strict=True):
            writer.writerow([float(f"{t:.15g}"), *(str(v) for v in x)])


def as_written(numbers: Any) -> np.ndarray:
    """The shortest decimals that round to `numbers` in their precision: 29.9, not 29.8999996."""
    return np.asarray(numbers).astype(str).astype(float)


def remembered(path: str | os.PathLike) -> dict[str, Any]:
    """What a model saved by `learn` remembers of its record.

    Raises `ValueError` for a file that is truncated, foreign, or was not written by `learn`.
    """
    known = read_metadata(path)["metadata"]
    if not isinstance(known, dict) or "start" not in known:
        raise ValueError(f"{path} holds a model, but not one saved by learn: it has no record")
    return known


def load_learned(path: str | os.PathLike) -> tuple[Any, dict[str, Any]]:
    """A model that `learn` saved, and what it remembers of its record.

    Raises `ValueError` for a file that is truncated, foreign, or was not written by `learn`.
    """
    known = remembered(path)
    return load_model(path), known


def forecast_saved(
    path: str | os.PathLike,
    to: float,
    *,
    table: str | os.PathLike | None = None,
    initial: Any = None,
    start: float | None = None,
    interval: float | None = None,
) -> SavedForecast:
    """Forecast with a saved model up to the time `to`.

    **Arguments:**

    - `path`: the file of the model; `to`: the last time of the forecast.
    - `table`: a CSV or NPZ file with the model's columns. Without inputs the forecast goes on from
      its last row; with inputs it begins at its first row and needs them up to `to`.
    - `initial (d,)`, `start`: a state and its time (0 if not given) to begin with instead. Without
      either the forecast goes on from the last state of the record that the model learned.
    - `interval`: the time between two forecast states, by default that of the record.

    **Returns** a `SavedForecast`. Raises `ValueError` for a time that is not after the start, a
    state of another size, a missing input, and a forecast that diverges (saying when).
    """
    model, known = load_learned(path)
    if table is not None and initial is not None:
        raise ValueError("give a table or an initial state, not both")
    h = known["interval"] if interval is None else interval
    check_positive("interval", h)
    us = None
    if known["input_names"]:
        ts, x0, us = _driven(path, known, table, to)
    else:
        x0, begin = _start(known, table, initial, start)
        ts = _times(begin, to, h)
    # Fields without explicit time do not see the clock, and from zero on float32 keeps digits.
    origin = 0.0 if known["uses_clock"] else ts[0]
    xs = np.asarray(model.predict(x0, jnp.asarray(np.asarray(ts) - origin), us))
    finite = np.isfinite(xs).all(axis=1)
    if not finite.all():
        raise ValueError(f"the forecast of {path} diverges at time {ts[int(np.argmin(finite))]}")
    return SavedForecast(np.asarray(ts), xs, tuple(known["names"]), known["time_name"])


def _times(begin: float, to: float, h: float) -> np.ndarray:
    if not (np.isfinite(to) and to > begin):
        raise ValueError(f"the forecast begins at time {begin:g} and must end later, got {to:g}")
    steps = max(1, round((to - begin) / h))
    if steps > _LONGEST:
        raise ValueError(f"a forecast from {begin:g} to {to:g} takes {steps} steps of {h:g}")
    return np.linspace(begin, to, steps + 1)


def _start(known: dict, table, initial, start) -> tuple[Any, float]:
    """The state to begin with, and its time."""
    if table is not None:
        trial = _read(known, table)
        return trial.xs[-1], float(as_written(trial.ts[-1]))
    if initial is None:
        initial, start = known["start"], known["time"]
    state = np.asarray(initial, float)
    if state.shape != (len(known["names"]),) or not np.isfinite(state).all():
        raise ValueError(
            f"the initial state has {len(known['names'])} finite components "
            f"({', '.join(known['names'])}), got {np.atleast_1d(initial).tolist()}"
        )
    return jnp.asarray(state), 0.0 if start is None else start


def _driven(path, known: dict, table, to: float):
    """Times, first state and inputs of a forecast that inputs drive."""
    names = ", ".join(known["input_names"])
    if table is None:
        raise ValueError(
            f"{path} needs the inputs {names}: give a table that holds them up to the time {to:g}"
        )
    trial = _read(known, table)
    ts = as_written(trial.ts)
    if ts[-1] < to:
        raise ValueError(f"{table} holds the inputs {names} up to time {ts[-1]:g}, asked: {to:g}")
    keep = ts <= to
    if keep.sum() < 2:
        raise ValueError(f"the forecast begins at time {ts[0]:g} and must end later, got {to:g}")
    return ts[keep], trial.xs[0], np.asarray(trial.us)[keep]


def _read(known: dict, table) -> Trial:
    """The last trial of a table with the model's columns."""
    names, n = known["names"], len(known["names"]) // 2
    roles: dict[str, Any] = {"momenta": (), "velocities": (), "coordinates": names}
    if known["phase"] in ("momenta", "velocities"):
        roles["coordinates"] = names[:n]
        measured = known["phase"] == "momenta" or not known["differenced"]
        if measured:
            roles[known["phase"]] = names[n:]
    found = load_table(table, inputs=known["input_names"], **roles)
    if known["phase"] == "velocities" and found.phase == "coordinates only":
        found = central_velocities(found)
    return list(found)[-1]


def certify_saved(path: str | os.PathLike) -> Certificate:
    """The certificate of a saved model, sampled at states of the record that it learned.

    Raises `ValueError` as `load_learned` does.
    """
    model, known = load_learned(path)
    return certify_model(model, np.asarray(known["states"], float), known["interval"])
