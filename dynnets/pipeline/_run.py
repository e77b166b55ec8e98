"""`run`: one job from a record to a forecast that says how far it can be trusted."""

import os
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import PRNGKeyArray

from dynnets._core import check_size
from dynnets.training import unstack

from ._certify import certify_model
from ._folder import finish, open_folder
from ._report import Report, Row
from ._task import Candidate, Learned, Memory, Task, Trained
from ._train import train_candidate


def run(
    task: Task,
    *,
    key: PRNGKeyArray,
    out: str | os.PathLike | None = None,
    seeds: int = 3,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool = False,
) -> Report:
    """Train the candidates of a task, score their forecasts, and say which to trust.

    Candidate number `i` is trained with `jax.random.fold_in(key, i)`, so that leaving one out does
    not change the others. The chosen model is certified, and where `out` is given the whole is
    written there.

    **Arguments:**

    - `task`: what to learn from and how, such as `table_task` or `solar_task` make.
    - `key`: all random starts and batches follow from it.
    - `out`: the folder for table, figures, models, certificate and JSON; `None` writes nothing. It
      must be new or empty; with `resume` a killed run of the same settings goes on there and ends
      bit-equal; `overwrite` replaces another run.
    - `seeds`: from how many random starts each candidate is trained.
    - `progress`: whether to show bars.

    **Returns** a `Report`; print it. Raises `ValueError` for `seeds` below one and for a folder
    that holds something else.
    """
    check_size("seeds", seeds)
    folder = None
    if out is not None:
        settings = task.settings | {"seeds": seeds, "key": np.asarray(jr.key_data(key)).tolist()}
        folder = open_folder(out, settings, resume=resume, overwrite=overwrite)
    learned = {}
    for i, candidate in task.candidates.items():
        if progress:
            print(f"training {candidate.name} ({seeds} seeds)", flush=True)
        trained = train_candidate(
            task, candidate, folder, key=jr.fold_in(key, i), seeds=seeds, progress=progress
        )
        learned[candidate.name] = _scored(task, candidate, trained)
    rows = [*(each.row for each in learned.values()), *task.references()]
    advice = task.advise(learned, rows)
    # a reference can win on a record that hardly moves; a model is saved all the same
    chosen = (
        advice.chosen
        if advice.chosen in learned
        else min(learned, key=lambda name: learned[name].row.median(task.criterion))
    )
    best = learned[chosen]
    memory = task.memory(best)
    report = Report(
        title=task.title,
        columns=task.columns,
        rows=tuple(rows),
        verdict=advice.verdict,
        chosen=chosen,
        model=best.model,
        models={name: each.model for name, each in learned.items()},
        certificate=certify_model(best.model, memory.states, task.step),
        details=advice.details,
        folder=folder,
        draw=lambda: task.figures(learned, chosen),
    )
    if task.is_quick:
        report = report.of_quick_run()
    if folder is not None:
        finish(folder, report, _metadata(task, memory, best.model))
    return report


def _scored(task: Task, candidate: Candidate, trained: Trained) -> Learned:
    metrics, forecast = task.score(trained)
    best = int(np.argmin(np.nan_to_num(metrics[task.criterion], nan=np.inf)))
    name, _, kind, assumes = candidate
    row = Row(name, kind, assumes, metrics, trained.seconds, trained.parameters)
    return Learned(row, trained, forecast, best, unstack(trained.models, best))


def _metadata(task: Task, memory: Memory, model) -> dict[str, Any]:
    """What a saved model must know to forecast, and to be certified, by itself."""
    whole, arrays = task.whole, jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    return {
        "kind": task.kind,
        "source": whole.source,
        "names": list(whole.names),
        "input_names": list(whole.input_names),
        "phase": whole.phase,
        "time_name": task.time_name,
        "start": np.asarray(memory.start).tolist(),
        "time": float(memory.time),
        "interval": task.step,
        "states": np.asarray(memory.states).tolist(),
        "uses_clock": task.uses_clock,
        "differenced": task.differenced,
        "precision": str(jnp.result_type(*arrays)),
    }
