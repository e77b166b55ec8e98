"""The four simulated tasks of the HNN paper: data, training and the two measures of energy.

Training is float32 (data and weights are cast), the ground truth and every rollout are float64.
"""

import dataclasses
import functools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from benchmarks.harness import Settings, training
from dynnets.data import Samples, samples, simulate
from dynnets.integrators import RungeKutta, rollout
from dynnets.losses import derivative_matching
from dynnets.models import HNN, NeuralODE
from dynnets.systems import Harmonic, Pendulum, ThreeBody, TwoBody

WIDTH, STARTS, POINTS = 200, 15, 100
STEP = RungeKutta(diffrax.Tsit5())


@dataclasses.dataclass(frozen=True)
class Task:
    """A system, how it is observed, how the nets are trained, and how they are scored.

    `train`, `test`: numbers of trajectories; `end`, `times`: of the observations; `cosine`:
    whether the learning rate falls to zero; `horizon`, `h`: of the scoring rollouts.
    """

    name: str
    system: eqx.Module
    train: int
    test: int
    end: float
    times: int
    noise: float
    steps: int
    rate: float
    cosine: bool
    decay: float
    batch: int | None
    horizon: float
    h: float
    box: bool = True  # starts with 0.2 <= |each coordinate| <= 1, else drawn from the system


# As published, but for the learning rate, which falls to zero along a cosine (both nets alike):
# with noisy inputs a constant rate follows the noise, and the spring needs half of the updates.
TASKS = {
    "spring": Task(
        *("spring", Harmonic(stiffness=2.0, mass=0.5), 25, 25, 3.0, 30, 0.1),
        *(1000, 1e-3, True, 1e-4, None, 20.0, 0.02),
    ),
    "pendulum": Task(
        *("pendulum", Pendulum(mass=0.5, length=1.0, gravity=6.0), 25, 25, 3.0, 45, 0.1),
        *(2000, 1e-3, True, 1e-4, None, 20.0, 0.02),
    ),
    "two-body": Task(
        *("two-body", TwoBody(), 800, 200, 20.0, 50, 0.0),
        *(20_000, 3e-3, True, 0.0, 200, 25.0, 0.01, False),
    ),
    "three-body": Task(
        *("three-body", ThreeBody(), 4000, 1000, 5.0, 20, 0.0),
        *(10_000, 3e-3, True, 0.0, 600, 3.0, 0.002, False),
    ),
}


def shrunk(task: Task) -> Task:
    """The task at the size of a smoke test."""
    sizes = {"train": 4, "test": 2, "steps": 5, "h": 0.25, "horizon": 1.0}
    return dataclasses.replace(task, batch=task.batch and 8, **sizes)


def in_precision(tree, dtype):
    """Floating-point arrays cast to `dtype`; everything else as it is."""
    cast = lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a  # noqa: E731
    return jax.tree.map(cast, tree)


def data(task: Task, key) -> tuple[Samples, Samples]:
    """Training and test samples in float32: noisy states, exact derivatives."""
    ts = jnp.linspace(0.0, task.end, task.times)
    every = simulate(
        task.system, key, task.train + task.test, ts, noise=task.noise, tolerance=1e-10
    )
    parts = (every.select(range(task.train)), every.select(range(task.train, len(every))))
    return tuple(in_precision(samples(part), jnp.float32) for part in parts)


@functools.cache
def optimiser(rate: float, steps: int | None, decay: float) -> optax.GradientTransformation:
    """Adam with coupled weight decay and, if `steps` is given, a cosine from `rate` to zero.

    One object for each setting, so that the seeds share one compiled program.
    """
    schedule = rate if steps is None else optax.cosine_decay_schedule(rate, steps)
    return optax.chain(optax.add_decayed_weights(decay), optax.adam(schedule))


def make(kind: str, dim: int, key):
    """An `HNN` or the `MLP field` of the same size, in float32."""
    model = (HNN if kind == "HNN" else NeuralODE)(dim, WIDTH, 2, key=key)
    return in_precision(model, jnp.float32)


def train(settings: Settings, task: Task, kind: str, samples_: Samples, key):
    """The trained model."""
    model_key, fit_key = jr.split(key)
    result = training.fit(
        settings,
        f"{task.name}, {kind}, training",
        make(kind, task.system.dim, model_key),
        derivative_matching,
        samples_,
        optimiser(task.rate, task.steps if task.cosine else None, task.decay),
        steps=task.steps,
        key=fit_key,
        batch_size=task.batch,
        chunk=500,
    )
    return result.model


def starts(task: Task, key):
    """Initial states of the scoring rollouts, features-first `(d, 15)`, float64."""
    if not task.box:
        return jax.vmap(task.system.sample, out_axes=1)(jr.split(key, STARTS))
    size_key, sign_key = jr.split(key)
    size = jr.uniform(size_key, (task.system.dim, STARTS), minval=0.2, maxval=1.0)
    return size * jr.rademacher(sign_key, size.shape, size.dtype)


@eqx.filter_jit
def energy_error(field, energy, x0, horizon: float, substeps: int):
    """Mean of `(E(x(t)) - E(x(0)))^2` over the starts and 100 times; infinite if it blows up."""
    xs = rollout(STEP, field, x0, (horizon / POINTS, POINTS), substeps=substeps).xs
    return _spread(energy, xs)


@eqx.filter_jit
def growing_horizon_error(field, energy, x0, horizon: float, substeps: int):
    """The published spring figure: the k-th start runs to `horizon * 1.09^(k+2)`, k = 0, 1, ...

    The published notebook rescales the horizon inside its loop over the starts.
    """
    ends = horizon * 1.09 ** (jnp.arange(x0.shape[1]) + 2.0)

    def one(x, end):
        return rollout(STEP, field, x, (end / POINTS, POINTS), substeps=substeps).xs

    return _spread(energy, jnp.moveaxis(jax.vmap(one, in_axes=(1, 0))(x0, ends), 0, -1))


def _spread(energy, xs):
    values = jax.vmap(lambda x: energy(0.0, x))(xs)
    error = jnp.mean((values - values[0]) ** 2)
    return jnp.where(jnp.isfinite(error), error, jnp.inf)


def circle_energy(t, x):
    """`q^2 + p^2`: what the published pendulum notebook scores instead of the energy."""
    return jnp.sum(x**2, axis=0)


def score(task: Task, model, test: Samples, x0) -> dict[str, float]:
    """Test loss, energy errors at one and four horizons, and the published measure."""
    loss = float(derivative_matching(model, test))
    field, energy = in_precision(model, jnp.float64).field, task.system.energy
    substeps = round(task.horizon / POINTS / task.h) or 1
    found = {"loss": loss, "error": energy_error(field, energy, x0, task.horizon, substeps)}
    if task.box:
        found["late"] = energy_error(field, energy, x0, 4 * task.horizon, 4 * substeps)
    if task.name == "spring":
        published = growing_horizon_error(field, energy, x0, task.horizon, 4 * substeps)
        found["published"] = published
    if task.name == "pendulum":
        found["published"] = energy_error(field, circle_energy, x0, task.horizon, substeps)
    return {name: float(value) for name, value in found.items()}


def run_task(settings: Settings, name: str) -> tuple[dict, list]:
    """Scores `{kind: {measure: [one a seed]}}`, and each seed's `(HNN, MLP field, data)`."""
    task = shrunk(TASKS[name]) if settings.fast else TASKS[name]
    scores: dict = {"HNN": {}, "MLP field": {}}
    trained = []
    for seed in settings.seeds:
        data_key, start_key, *keys = jr.split(jr.key(seed), 4)
        with settings.clock(f"{name}, data"):
            known, test = data(task, data_key)
        models = []
        for kind, key in zip(scores, keys, strict=True):
            models.append(train(settings, task, kind, known, key))
            with settings.clock(f"{name}, {kind}, scoring"):
                found = score(task, models[-1], test, starts(task, start_key))
            for measure, value in found.items():
                scores[kind].setdefault(measure, []).append(value)
        trained.append((*models, known))
    return scores, trained
