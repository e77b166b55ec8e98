"""`learn`: the main job by the name of a file."""

import os
from collections.abc import Callable, Sequence
from typing import Any

from jaxtyping import PRNGKeyArray

from dynnets.data import Trajectories, load_table

from ._report import Report
from ._run import run
from ._solar._candidates import SOLAR_FULL, SOLAR_QUICK
from ._solar._task import solar_task
from ._tables._record import FRACTIONS
from ._tables._task import table_task
from ._tables._train import FULL, QUICK, Budget

SOLAR_SYSTEM = "solar-system"


def learn(
    source: str | os.PathLike | Trajectories,
    *,
    key: PRNGKeyArray,
    out: str | os.PathLike | None = None,
    seeds: int = 3,
    fractions: Sequence[float] = FRACTIONS,
    quick: bool = False,
    budget: Budget | None = None,
    models: Sequence[str] | None = None,
    true_energy: Callable | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
    **columns: Any,
) -> Report:
    """Train the models that suit a record and the baselines, and say which to trust.

    Every candidate is trained with `seeds` seeds on the first part of the record and forecasts
    the validation part and then the held-out end, each from one measured state. The model of
    least validation error (median over seeds) is chosen; among equals the one with structure.
    This is `run` of a `table_task`, or of the `solar_task`.

    **Arguments:**

    - `source`: a CSV or NPZ file with named columns (see `dynnets.data.load_table`, which gets
      `columns`: `time=`, `coordinates=`, `momenta=`, `velocities=`, `inputs=`, `trial=`),
      `Trajectories`, or `"solar-system"`, the embedded ephemeris of Sun and outer planets (float64
      is needed for it).
    - `key`, `out`, `seeds`, `resume`, `overwrite`, `progress`: as for `run`.
    - `fractions`: of each trial for training, validation and the held-out end.
    - `quick`: tiny nets and few updates, to see whether everything works; `budget`: your own.
    - `models`: names of those to train, all that suit by default.
    - `true_energy`: `H(t, x)` where it is known; its drift is then reported too.

    **Returns** a `Report`; print it. Raises `ValueError` for records that cannot be read or cut,
    naming file, column or row, and for folders that hold something else.
    """
    if isinstance(source, str) and source == SOLAR_SYSTEM:
        if columns or models is not None or true_energy is not None or budget is not None:
            raise ValueError(f"{SOLAR_SYSTEM} takes no columns, models, true_energy or budget")
        task = solar_task(SOLAR_QUICK if quick else SOLAR_FULL)
    else:
        task = table_task(
            source if isinstance(source, Trajectories) else load_table(source, **columns),
            fractions=fractions,
            budget=budget or (QUICK if quick else FULL),
            models=models,
            true_energy=true_energy,
        )
    how = {"seeds": seeds, "resume": resume, "overwrite": overwrite, "progress": progress}
    return run(task, key=key, out=out, **how)
