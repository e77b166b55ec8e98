"""Taylor networks: a separable system from 15 to 25 observations of 0.01 time units.

The pendulum, Lotka-Volterra (in logarithms) and Henon-Heiles of the paper, pairs of states drawn
afresh for every seed. Three models that differ in the energy alone, a Taylor net (width 8), a tanh
net (two layers of 32) and a polynomial of all monomials, are trained alike: Adam over the full
batch, then at most 150 steps of Levenberg-Marquardt, on (predicted - observed) / 0.01. All seeds
in one program. The test loss is the paper's: mean |dq| + mean |dp| of one step, on 500 fresh pairs.
"""

import numpy as np

from benchmarks.harness import Result, Row, Settings, at_most
from benchmarks.taylor_nets import figures
from benchmarks.taylor_nets.tasks import (
    NET,
    POLYNOMIAL,
    TASKS,
    TAYLOR,
    Trained,
    energy_behaviour,
    forecasts,
)

NAME = "taylor-nets"
X64 = True
SEEDS = 3

LOSS_BARS = {"pendulum": 5e-6, "Lotka-Volterra": 2e-7, "Henon-Heiles": 1e-9}
ERROR_BARS = {"pendulum": 3e-3, "Lotka-Volterra": 2e-4, "Henon-Heiles": 1e-4}
NOISE = 1e-4


def _largest_errors(truth, paths) -> list[float]:
    return np.linalg.norm(paths - truth[None], axis=2).max(axis=1).tolist()


def _task_rows(settings: Settings, name: str) -> tuple[list[Row], dict]:
    """Test losses and forecasts of one system, all three models."""
    task, losses, adam, errors, found, seconds = TASKS[name], {}, {}, {}, {}, {}
    for kind in (TAYLOR, NET, POLYNOMIAL):
        with settings.clock(f"{name}, {kind}"):
            found[kind] = Trained(settings, task, kind)
        seconds[kind] = settings.clocks[f"{name}, {kind}"]
        losses[kind] = found[kind].test_losses(settings, task, found[kind].models)
        adam[kind] = found[kind].test_losses(settings, task, found[kind].first)
        points = settings.scaled(1000, fast=4)
        _, truth, paths = forecasts(task, found[kind], task.horizon, points)
        errors[kind] = _largest_errors(truth, paths)
    others = lambda table: {kind: table[kind] for kind in (NET, POLYNOMIAL)}  # noqa: E731
    published = {**others(losses), "published": task.published}
    rows = [
        Row(f"{name}: test loss after Adam", adam[TAYLOR], others(adam)),
        at_most(f"{name}: test loss", losses[TAYLOR], LOSS_BARS[name], published),
        at_most(f"{name}: largest error to T = {task.horizon:.3g}", errors[TAYLOR],
                ERROR_BARS[name], others(errors)),
        at_most(f"{name}: training, {len(settings.seeds)} seeds", seconds[TAYLOR], 60,
                others(seconds), unit="s"),
    ]  # fmt: skip
    return rows, found


def _pendulum_rows(settings: Settings, found: dict) -> list[Row]:
    """The energy over ten turns."""
    task, rows = TASKS["pendulum"], {}
    for kind, trained in found.items():
        points = settings.scaled(6000, fast=4)
        ts, truth, paths = forecasts(task, trained, 20 * np.pi, points)
        rows[kind] = (*energy_behaviour(task, ts, paths), _largest_errors(truth, paths))
    columns = [{kind: rows[kind][i] for kind in (NET, POLYNOMIAL)} for i in range(3)]
    ours = rows[TAYLOR]
    return [
        at_most("pendulum: energy deviation to T = 62.8", ours[0], 1e-3, columns[0]),
        at_most("pendulum: drift of the energy / its deviation", ours[1], 0.1, columns[1]),
        Row("pendulum: largest error to T = 62.8", ours[2], columns[2]),
    ]


def _noise_rows(settings: Settings) -> list[Row]:
    """Noise on both ends of every pair: reported."""
    rows = []
    for name, task in TASKS.items():
        losses = {}
        for kind in (TAYLOR, NET, POLYNOMIAL):
            with settings.clock(f"{name} with noise, {kind}"):
                trained = Trained(settings, task, kind, NOISE)
            losses[kind] = (
                trained.test_losses(settings, task, trained.models),
                trained.test_losses(settings, task, trained.first),
            )
        for i, end in enumerate(("", ", after Adam only")):
            others = {kind: losses[kind][i] for kind in (NET, POLYNOMIAL)}
            metric = f"{name}, noise {NOISE:g}: test loss{end}"
            rows.append(Row(metric, losses[TAYLOR][i], others))
    return rows


def run(settings: Settings) -> Result:
    """All systems, the pendulum's energy, and the same with noise."""
    rows, found = [], {}
    for name in TASKS:
        more, found[name] = _task_rows(settings, name)
        rows += more
        if name == "pendulum":
            rows += _pendulum_rows(settings, found[name])
    rows += _noise_rows(settings)
    if settings.figures is not None:
        figures.draw(settings, found)
    notes = (
        "HNN: separable, two tanh layers of 32 an energy; SSINN: all monomials, unpruned, of total "
        "degree 8 (one coordinate) or 4 (two); the same Adam, Levenberg-Marquardt and step",
        "published: test loss of the paper's code after Adam (batch size 1, float32)",
        "training seconds are those of all seeds in one program, with compilation",
        "Henon-Heiles lies in the span of the SSINN baseline, the two others do not",
    )
    return Result(rows, notes)
