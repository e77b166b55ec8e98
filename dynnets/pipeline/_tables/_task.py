"""A measured table as a task: its parts, its candidates, its verdict and its figures."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from dynnets._core import check_choice
from dynnets.data import Trajectories

from .._certify import sample_states
from .._report import Row
from .._saved import as_written
from .._task import BASELINE, Memory, Task
from ._advice import advise
from ._candidates import candidates
from ._figures import make_figures
from ._record import FRACTIONS, prepare
from ._scores import HORIZONS, SCORE, Persistence, measure
from ._train import FULL, QUICK, Budget, thinning, train

_COLUMNS = (SCORE, *(f"error {share:.0%}" for share in HORIZONS), "valid time", "energy drift")


def table_task(
    given: Trajectories,
    *,
    fractions: Sequence[float] = FRACTIONS,
    budget: Budget = FULL,
    models: Sequence[str] | None = None,
    true_energy: Callable | None = None,
) -> Task:
    """Learn from a measured record: the models that suit its columns against baselines.

    The first part of every trial is trained on, the second chooses the model, and the held-out end
    is forecast from one measured state.

    **Arguments:**

    - `given`: the record.
    - `fractions`: of each trial's samples for training, validation and the held-out end.
    - `budget`: how long to train.
    - `models`: names of the candidates to train, by default all that suit the columns.
    - `true_energy`: `H(t, x)` where it is known; its drift is then reported too.

    Raises `ValueError` for a record too short to cut, fractions that do not sum to one, a column
    that never changes, and unknown names of models.
    """
    record = prepare(given, fractions)
    whole, trial = record.whole, list(record.whole)[-1]
    found = candidates(record, budget.width, thinning(record))
    for name in models or ():
        check_choice("models", name, [candidate.name for candidate in found])
    tried = {i: c for i, c in enumerate(found) if not models or c.name in models}
    # `load_table` writes the name of the time column first into the source
    time_name = whole.source.partition(": time ")[2].partition(";")[0] or "time"
    memory = Memory(trial.xs[-1], float(as_written(trial.ts[-1])), sample_states(record.train))

    def references() -> list[Row]:
        metrics, _ = measure(record, Persistence(), true_energy)
        return [Row("persistence", BASELINE, "nothing moves", metrics, 0.0, 0)]

    return Task(
        kind="record",
        title=f"Forecast of the held-out end of {whole.source or 'the record'}",
        columns=_COLUMNS + (("true energy drift",) if true_energy is not None else ()),
        criterion=SCORE,
        whole=whole,
        step=record.step,
        time_name=time_name,
        settings=_identity(given)
        | {
            "fractions": [float(f) for f in fractions],
            "budget": list(budget),
            "models": [candidate.name for candidate in tried.values()],
        },
        candidates=tried,
        train=partial(train, record, budget=budget),
        score=lambda trained: measure(record, trained.models, true_energy),
        references=references,
        advise=partial(advise, record),
        memory=lambda chosen: memory,
        figures=partial(make_figures, record, time_name),
        is_quick=budget == QUICK,
        differenced=record.differenced,
    )


def _identity(given: Trajectories) -> dict[str, Any]:
    """What tells a record from every other, as JSON holds it."""
    sha = hashlib.sha256()
    for array in (given.ts, given.xs, given.us, given.lengths):
        sha.update(b"-" if array is None else np.asarray(array).tobytes())
    return {
        "record": sha.hexdigest(),
        "columns": [*given.names, *given.input_names],
        "phase": given.phase,
        "source": given.source,
        "dtype": str(given.xs.dtype),
    }
