"""Every learner of mechanics on the same data, seeds and budget: which one for my system?

Seven systems with clean and noisy data, and a measured pendulum. A learner sees 100 trajectories
of 10 intervals and spends 4000 Adam updates of 250 samples each in float32 (or solves its fit to
the end, if that is how it learns), all seeds in one vmapped run; then it forecasts, in float64, 16
unseen starts over 1, 10 and 100 times the training horizon. Errors are root mean squares of the
state over a horizon, in units of the state's own; a number is the median over the starts, a cell
the median over the seeds.

The HGN learns from films and is compared in `hgn`.
With `--store DIR` every finished cell is kept, and a run that was cut off goes on there.
"""

import statistics
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.harness import Result, Row, Settings
from benchmarks.leaderboard.figures import figures
from benchmarks.leaderboard.learner import MEASURES, Budget, cell, learners
from benchmarks.leaderboard.tasks import NOISE, SYSTEMS, tasks

NAME = "leaderboard-mechanics"
X64 = True  # defects of symplecticity are told from round-off
SEEDS = 5

LISTED = ("error at 10x", "valid time", "energy drift")
"""At 100 times the horizon a chaotic system has forgotten its start, and no learner stands out."""

COSTS = ("training seconds", "inference ns", "update MiB", "parameters")


def _table(task, cells: dict) -> list[Row]:
    """One row per measure of a task, one column per learner; README shows those of `LISTED`."""
    rows = []
    listed = LISTED if task.conserved else LISTED[:-1]  # friction takes the energy, rightly
    for measure in MEASURES:
        values = {name: measures[measure] for name, measures in cells.items() if measures[measure]}
        if values:
            rows.append(Row(f"{task.label}: {measure}", (), values, listed=measure in listed))
    return rows


def _summary(found: dict, measure: str) -> Row:
    """The median over tasks of a measure that depends little on them."""
    columns = {}
    for cells in found.values():
        for name, measures in cells.items():
            columns.setdefault(name, []).append(statistics.median(measures[measure]))
    middle = {name: statistics.median(values) for name, values in columns.items()}
    return Row(f"{measure}, median over tasks", (), middle)


def compare(
    settings: Settings, systems: Sequence[str], noises: Sequence[float], updates: int
) -> Result:
    """All learners on the tasks of some systems."""
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    budget = Budget(settings.scaled(updates, fast=4), settings.scaled(250, fast=20))
    found, unsuited, chosen = {}, {}, tasks(settings, systems, noises)
    for task in chosen:
        cells = found[task.label] = {}
        for learner in learners():
            reason = learner.suits(task)
            if reason:
                unsuited.setdefault(f"{learner.name}: {reason}", []).append(task.label)
                continue
            cells[learner.name] = cell(settings, task, learner, keys, budget)
    rows = [row for task in chosen for row in _table(task, found[task.label])]
    rows += [_summary(found, measure) for measure in ("symplecticity defect", *COSTS)]
    notes = [f"not asked, {reason} ({', '.join(where)})" for reason, where in unsuited.items()]
    figures(settings, found)
    return Result(rows, notes)


def run(settings: Settings) -> Result:
    """All learners on all systems."""
    return compare(settings, SYSTEMS, (0.0, NOISE), 4000)
