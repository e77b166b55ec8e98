"""The loader of a user's own measurements: a CSV or NPZ file with named columns."""

import os
from collections.abc import Sequence

import numpy as np

from ._read import Columns, read_columns
from ._roles import Roles, find_roles
from ._trajectories import Trajectories


def load_table(
    path: str | os.PathLike,
    *,
    time: str | None = None,
    coordinates: Sequence[str] | str | None = None,
    momenta: Sequence[str] | str | None = None,
    velocities: Sequence[str] | str | None = None,
    trial: str | None = None,
    inputs: Sequence[str] | str | None = None,
) -> Trajectories:
    """Measured trajectories from a table of named columns.

    **Arguments:**

    - `path`: a text table whose first line holds the names, separated by commas, semicolons, tabs
      or blanks (lines that start with `#` or `%` below it are skipped), or an NPZ file of 1-D
      arrays of one length (a 2-D array `(rows, k)` counts as columns `name0 .. name{k-1}`).
    - `time`, `coordinates`, `momenta` or `velocities`, `inputs`, `trial`: names of columns. A role
      that is not given is guessed from the usual names (`t`, `time`; `q1`, `x`, `theta`,
      `angle`; `p1`, `momentum`; `v`, `w`, `omega`, `qdot`; `u`, `input`, `force`, `torque`;
      `trial`, `run`), units in brackets aside; pass `()` for a role that no column has. Momenta
      go before velocities. Momenta and velocities follow the order of their coordinates, by
      their index or axis where they carry one.

    **Returns** one trial for each label of the trial column, in the order of their appearance. The
    states are `(coordinates, momenta)`, `(coordinates, velocities)` or coordinates alone, as
    `phase` says; `source` says which column was taken for what. The dtype is JAX's default
    floating one.

    Raises `ValueError` naming the file and, where it applies, column, data row (from 1) and line
    for: a missing, unreadable, empty, header-only or foreign file, pickled arrays, unknown or
    repeated columns, ragged rows, entries that are not finite numbers, times that do not
    strictly increase within a trial, a trial of one sample, unequal numbers of coordinates and
    momenta or velocities.
    """
    columns = read_columns(path)
    roles = find_roles(
        str(columns.path),
        columns.names,
        time=time,
        coordinates=coordinates,
        momenta=momenta,
        velocities=velocities,
        inputs=inputs,
        trial=trial,
    )
    ts = columns.numbers(roles.time)
    xs = _matrix(columns, roles.states, roles.time, ts)
    us = _matrix(columns, roles.inputs, roles.time, ts) if roles.inputs else None
    groups = _trials(columns, roles, ts)
    return Trajectories.from_trials(
        [ts[rows] for rows in groups],
        [xs[rows] for rows in groups],
        None if us is None else [us[rows] for rows in groups],
        names=roles.states,
        input_names=roles.inputs,
        phase=roles.phase,
        source=f"{columns.path.name}: {roles.describe(columns.names)}",
    )


def _matrix(columns: Columns, names: Sequence[str], time: str, ts: np.ndarray) -> np.ndarray:
    parts = [columns.numbers(name) for name in names]
    for name, part in zip(names, parts, strict=True):
        if part.shape != ts.shape:
            raise ValueError(
                f"{columns.path}: column {name!r} has {part.size} entries, {time!r} has {ts.size}"
            )
    return np.stack(parts, axis=1)


def _trials(columns: Columns, roles: Roles, ts: np.ndarray) -> list[np.ndarray]:
    """Row numbers of each trial, its times checked."""
    if roles.trial is None:
        groups = {"": np.arange(ts.size)}
    else:
        labels = np.array(columns.labels(roles.trial))
        if labels.shape != ts.shape:
            raise ValueError(
                f"{columns.path}: column {roles.trial!r} has {labels.size} entries, "
                f"{roles.time!r} has {ts.size}"
            )
        groups = {
            label: np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())
        }
    for label, rows in groups.items():
        which = f" of trial {label!r}" if roles.trial else ""
        if rows.size < 2:
            raise ValueError(
                f"{columns.path}: at least two samples are needed, got {rows.size}{which}"
            )
        _check_times(columns, roles.time, ts, rows, which)
    return list(groups.values())


def _check_times(columns: Columns, time: str, ts: np.ndarray, rows: np.ndarray, which: str) -> None:
    bad = np.flatnonzero(np.diff(ts[rows]) <= 0)
    if bad.size:
        before, here = rows[bad[0]], rows[bad[0] + 1]
        what = "repeats" if ts[before] == ts[here] else "decreases"
        raise ValueError(
            f"{columns.path}: column {time!r}, {columns.where(int(here))}: time {what}, "
            f"{ts[before]} then {ts[here]}{which}"
        )
