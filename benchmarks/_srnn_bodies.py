"""Three bodies seen once per unit of time: the step that the net learns beats the true equations.

100 trajectories of ten states one unit apart (an eighth of a turn), cut into windows of five. The
velocities of every sample are disturbed by draws of their own; the published generator draws once
for all of them, so that its samples differ in size and angle only.
"""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks._flows import in_precision
from benchmarks._harness import Row, Settings, at_most, median
from benchmarks._srnn_chain import distances
from dynnets.data import simulate, windows
from dynnets.integrators import rollout, verlet_kdk
from dynnets.models import SRNN, FieldModel
from dynnets.plotting import plot_error_growth, plot_orbits
from dynnets.systems import ThreeBody
from dynnets.training import (
    OneStepMatching,
    Stage,
    TrajectoryMatching,
    fit_stages,
    stack_models,
    unstack,
)

SYSTEM = ThreeBody()
TRIALS, TIMES, WINDOW, STARTS, HORIZON, EARLY = 100, 10, 5, 32, 200, 10
PUBLISHED = {"SRNN": 0.26, "true equations": 0.47}
RECURRENT, SINGLE, TRUTH = "SRNN", "single-step L-L", "true equations, leapfrog h = 1"


def data(settings: Settings, seed: int):
    """Windows to train on and the exact orbits of unseen starts `(starts, 201, 12)`."""
    train_key, test_key = jr.split(jr.key(100 + seed))
    trials = settings.scaled(TRIALS, fast=4)
    known = simulate(SYSTEM, train_key, trials, np.arange(float(TIMES)), tolerance=1e-9)
    ts = np.arange(settings.scaled(HORIZON, fast=12) + 1.0)
    starts = settings.scaled(STARTS, fast=3)
    for draw in range(10):
        try:
            unseen = simulate(SYSTEM, jr.fold_in(test_key, draw), starts, ts, tolerance=1e-11)
        except ValueError:  # two of the bodies all but collide: draw again
            continue
        return windows(known, WINDOW), unseen.xs
    raise RuntimeError(f"no {starts} starts without a collision in ten draws of seed {seed}")


def _adam(rate: float, steps: int):
    schedule = optax.cosine_decay_schedule(rate, max(1, steps))
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))


def train(settings: Settings, sets, width: int, steps: tuple[int, int], batch: int, rate: float):
    """Stacks of models after the single-step and after the recurrent stage."""
    records = jax.tree.map(lambda *a: jnp.stack(a), *sets)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    make = lambda key: in_precision(SRNN(12, width, 3, key=key), jnp.float32)  # noqa: E731
    many = TrajectoryMatching(None, shared_times=True)
    losses = (OneStepMatching(None), many)
    with settings.clock(f"three bodies, 3 x {width}, training"):
        run = fit_stages(
            stack_models(make, keys),
            [Stage(loss, _adam(rate, n), n) for loss, n in zip(losses, steps)],
            in_precision(records, jnp.float32),
            key=jr.key(2),
            ensemble=len(keys),
            data_axis=0,
            batch_size=settings.scaled(batch, fast=8),
            chunk=500,
        )
    return dict(zip((SINGLE, RECURRENT), (result.model for result in run.results)))


@eqx.filter_jit
def _roll(model, x0, steps: int):
    return jax.vmap(lambda x: rollout(model.step, model.field, x, (1.0, steps)).xs)(x0)


def rows(settings: Settings, width: int, steps, *, batch: int, rate: float, limit=None):
    """The table's rows; with figures, the orbits and the growth of the error."""
    steps = settings.scaled(steps, fast=(2, 2))
    with settings.clock("three bodies, data"):
        sets, unseen = zip(*(data(settings, seed) for seed in settings.seeds))
    models = train(settings, sets, width, steps, batch, rate)
    found: dict = {name: [] for name in (RECURRENT, SINGLE, TRUTH)}
    paths: dict = {}
    for i, truth in enumerate(unseen):
        each = {name: in_precision(unstack(m, i), jnp.float64) for name, m in models.items()}
        each[TRUTH] = FieldModel(SYSTEM.field, verlet_kdk)
        for name, model in each.items():
            path = _roll(model, truth[:, 0], truth.shape[1] - 1)
            found[name].append(distances(path, truth))
            if i == 0:
                paths[name] = path
    if settings.figures is not None:
        _draw(settings, unseen[0], paths, found)
    return _table(found, width, limit)


def _table(found: dict, width: int, limit) -> list[Row]:
    def means(first: int, last: int):
        return {n: [float(d[:, first:last].mean()) for d in all_] for n, all_ in found.items()}

    every, early = means(1, None), means(1, EARLY + 1)
    ours, exact = every[RECURRENT], every[TRUTH]
    others = {n: v for n, v in every.items() if n != RECURRENT}
    label = f"three bodies, 3 x {width}: position error, {HORIZON} steps of h = 1"
    made = [
        Row(
            *(label, ours, others | {"published": PUBLISHED["SRNN"]}),
            bar="< true equations",
            holds=median(ours) < median(exact) < math.inf,  # a truth that blew up holds no bar
        ),
        Row(
            f"three bodies, 3 x {width}: position error, {EARLY} steps",
            early[RECURRENT],
            {n: v for n, v in early.items() if n != RECURRENT},
        ),
    ]
    if limit is not None:
        made.append(at_most(f"{label}, limit", ours, limit))
    return made


def _draw(settings: Settings, truth, paths: dict, found: dict) -> None:
    """Figure 3: orbits of one start while the truth is followed; errors of all."""
    shown = slice(0, min(16, truth.shape[1]))

    def bodies(x):
        return np.asarray(x[shown, :6]).reshape(-1, 3, 2)

    drawn = {name: bodies(paths[name][0]) for name in (TRUTH, RECURRENT)}
    figure = plot_orbits(bodies(truth[0]), drawn, record_name="truth")[0]
    settings.save_figure(figure, "three-body-orbits")
    times = np.arange(truth.shape[1])
    curves = {n: (times[1:], np.asarray(all_[0].T)[1:]) for n, all_ in found.items()}
    figure = plot_error_growth(curves, time_name="steps of h = 1", error_name="position error")[0]
    settings.save_figure(figure, "three-body-errors")
