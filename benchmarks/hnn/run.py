"""Hamiltonian neural networks: spring, pendulum, two and three bodies, pixels, a real pendulum.

The experiments of S. Greydanus, M. Dzamba and J. Yosinski, Hamiltonian Neural Networks, NeurIPS
2019, with their data sizes and nets, fresh data, noise and weights for every seed, and an MLP
field of equal size, schedule and budget beside every HNN. Energy errors are measured with the
true energy to a fixed horizon; where the paper's own code measures something else, that is a row
of its own.
"""

import jax

from benchmarks.harness import Result, Row, Settings, at_least, at_most, median
from benchmarks.hnn import denoising, figures, measured, pixels, tasks

NAME = "hnn"
X64 = True
SEEDS = 5

PUBLISHED = {  # energy error in the paper's own measure: (HNN, MLP field)
    "spring": (3.84e-4, 1.71e-1),
    "pendulum": (2.49e-2, 4.15e-2),
    "two-body": (3.88e-5, 6.33e-2),
    "three-body": (4.19e-2, 1.09e2),
}
ENERGY_BARS = {"spring": 2.5e-4, "pendulum": 8e-4, "two-body": 1e-7, "three-body": 4e-3}


def _ratio(above: list[float], below: list[float]) -> list[float]:
    return [a / b for a, b in zip(above, below, strict=True)]


def _task_rows(name: str, scores: dict) -> list[Row]:
    """Rows that every task has."""
    ours, field = scores["HNN"], scores["MLP field"]
    horizon = tasks.TASKS[name].horizon
    paper = dict(zip(("published HNN", "published MLP"), PUBLISHED[name], strict=True))
    metric = f"{name}: energy error, T = {horizon:g}"
    rows = [at_most(metric, ours["error"], ENERGY_BARS[name], {"MLP field": field["error"]})]
    loss = (f"{name}: test loss", ours["loss"])
    if name == "two-body":
        rows.append(at_most(*loss, 1e-6, {"MLP field": field["loss"]}))
    else:
        rows.append(Row(*loss, {"MLP field": field["loss"]}))
    if "published" in ours:
        others = {"MLP field": field["published"], **paper}
        rows.append(Row(f"{name}: the paper's energy measure", ours["published"], others))
    else:
        rows[0] = Row(
            *(metric, ours["error"], {"MLP field": field["error"], **paper}),
            bar=rows[0].bar,
            holds=rows[0].holds,
        )
    return rows


def _long_rows(scores: dict) -> list[Row]:
    """What the spring and the pendulum promise beyond the common rows."""
    spring, pendulum = scores["spring"], scores["pendulum"]
    late, other = spring["HNN"]["late"], spring["MLP field"]["late"]
    worse = _ratio(other, late)
    field = _ratio(pendulum["MLP field"]["error"], pendulum["HNN"]["error"])
    return [
        Row("spring: energy error, T = 80", late, {"MLP field": other}),
        at_most(
            "spring: energy error, T = 80 over T = 20", _ratio(late, spring["HNN"]["error"]), 1.2
        ),
        at_least("spring: MLP field's energy error over the HNN's, T = 80", worse, 20),
        at_least("pendulum: MLP field's energy error over the HNN's", field, 20),
    ]


def run(settings: Settings) -> Result:
    """Every experiment of the paper, and the measured pendulum done right."""
    scores, trained = {}, {}
    for name in tasks.TASKS:
        scores[name], trained[name] = tasks.run_task(settings, name)
        if settings.figures is not None:
            x0 = tasks.TASKS[name].system.sample(jax.random.key(0))
            figures.draw(settings, name, trained[name][0][:2], x0)
    rows = [row for name in scores for row in _task_rows(name, scores[name])]
    rows += _long_rows(scores)
    rows += denoising.rows(settings, trained["spring"][:3])
    rows += pixels.rows(settings)
    rows += measured.rows(settings)
    losses = [median(scores["three-body"][kind]["loss"]) for kind in ("HNN", "MLP field")]
    notes = (
        "energy error: mean of (H(x(t)) - H(x(0)))^2 over 15 starts and 100 times, H the true one",
        "input noise makes the test loss blind: its floor on the spring is 0.036, the paper's too",
        f"three-body: the HNN's test loss is {losses[0] / losses[1]:.2f} times the MLP field's",
    )
    return Result(rows, notes)
