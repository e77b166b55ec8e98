"""Data, training and scores of the Taylor-network benchmark: a few very short observations."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Settings
from benchmarks.harness.flows import energies
from dynnets.energies import MLPEnergy, monomials
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import forest_ruth, rollout
from dynnets.models import SSINN, FieldModel, TaylorNet
from dynnets.systems import AbstractSystem, HenonHeiles, LotkaVolterra, Pendulum
from dynnets.training import fit, fit_least_squares, stack_models, unstack

DT = 0.01
TAYLOR, NET, POLYNOMIAL = "Taylor net", "HNN", "SSINN"


@dataclasses.dataclass(frozen=True)
class Task:
    """One system: `pairs` uniform in `[-reach, reach]^d`, `orders` of the nets, a long forecast.

    `degree`: of the polynomial baseline; `published`: loss of the paper's code.
    """

    system: AbstractSystem
    reach: float
    pairs: int
    orders: int
    degree: int
    start: tuple[float, ...]
    horizon: float
    adam: int
    published: float


TASKS = {
    "pendulum": Task(Pendulum(), 2.0, 15, 8, 8, (1.0, 1.0), 2 * np.pi, 1500, 1.39e-4),
    "Lotka-Volterra": Task(LotkaVolterra(), 2.0, 25, 8, 8, (1.0, 1.0), 4 * np.pi, 1500, 6.73e-5),
    "Henon-Heiles": Task(HenonHeiles(), 0.5, 25, 12, 4, (0.0, 0.0, 0.5, 0.5), 10.0, 1500, 9.44e-6),
}


def observe(task: Task, seed: int, count: int, part: int, noise: float = 0.0) -> np.ndarray:
    """Pairs of states `DT` apart, `(count, 2, d)`; `part` tells training from test pairs."""
    random = np.random.default_rng([seed, part])
    x = random.uniform(-task.reach, task.reach, (count, task.system.dim))
    pairs = np.stack([x, _exact(task.system.field, jnp.asarray(x.T), DT, 10)[:, :, -1].T], 1)
    return pairs + noise * random.standard_normal(pairs.shape)


def _exact(field, x0, duration, steps: int, points: int = 1) -> np.ndarray:
    """States at `points + 1` equal times, time last."""
    return np.moveaxis(np.asarray(_roll(field, x0, duration / points, points, steps)), 0, -1)


@eqx.filter_jit
def _roll(field, x0, h, points, substeps):
    return rollout(forest_ruth, field, x0, (h, points), substeps=substeps).xs


def maker(task: Task, kind: str):
    """`make(key)` of one model: all separable, all forecast by the same step."""
    n = task.system.dim // 2

    def make(key):
        if kind == TAYLOR:
            return TaylorNet(2 * n, task.orders, 8, key=key)
        if kind == POLYNOMIAL:
            return SSINN(monomials(n, task.degree), monomials(n, task.degree))
        parts = [MLPEnergy(n, 32, 2, key=part) for part in jr.split(key)]
        return FieldModel(SeparableHamiltonianField(*parts), forest_ruth)

    return make


def rate_residual(model, pairs):
    """`(one step from the first state - the second) / DT`, `(d, N)`."""
    return (forest_ruth(model.field, 0.0, pairs[:, 0].T, DT) - pairs[:, 1].T) / DT


def mean_square(model, pairs, *, key=None):
    """What Adam minimises."""
    return jnp.mean(rate_residual(model, pairs) ** 2)


class Trained:
    """Models of all seeds: after Adam, and after Levenberg-Marquardt."""

    def __init__(self, settings: Settings, task: Task, kind: str, noise: float = 0.0):
        seeds = settings.seeds
        data = jnp.asarray([observe(task, s, task.pairs, 0, noise) for s in seeds])
        models = stack_models(maker(task, kind), jax.vmap(jr.key)(jnp.asarray(seeds)))
        steps = settings.scaled(task.adam, fast=3)
        schedule = optax.cosine_decay_schedule(1e-2, steps, 0.01)
        options = {"ensemble": len(seeds), "data_axis": 0}
        self.first = fit(
            models, mean_square, data, optax.adam(schedule),
            steps=steps, key=jr.key(0), chunk=steps, **options,
        ).model  # fmt: skip
        wide = kind != POLYNOMIAL  # more weights than residuals
        self.models = fit_least_squares(
            self.first, rate_residual, data,
            steps=settings.scaled(150, fast=2), tolerance=1e-15, dual=wide, **options,
        ).model  # fmt: skip
        self.count = len(seeds)

    def members(self) -> list:
        """One model a seed."""
        return [unstack(self.models, i) for i in range(self.count)]

    def test_losses(self, settings: Settings, task: Task, models) -> list[float]:
        """Mean |dq| + mean |dp| of a step over 500 fresh pairs a seed."""
        count = settings.scaled(500, fast=3)
        pairs = jnp.asarray([observe(task, s, count, 1) for s in settings.seeds])
        return eqx.filter_vmap(_step_error)(models, pairs).tolist()


@eqx.filter_jit
def _step_error(model, pairs):
    error = jnp.abs(rate_residual(model, pairs)) * DT
    n = error.shape[0] // 2
    return jnp.mean(error[:n]) + jnp.mean(error[n:])


def forecasts(task: Task, trained: Trained, duration: float, points: int = 1000):
    """Times, the exact orbit `(n, d)` and every member's, `(members, n, d)`, by steps of `DT`."""
    substeps = max(1, round(duration / points / DT))
    x0 = jnp.asarray(task.start)
    truth = _exact(task.system.field, x0, duration, 4 * substeps, points).T

    def roll(model):
        return _roll(model.field, x0, duration / points, points, substeps)

    paths = eqx.filter_vmap(roll)(trained.models)
    return np.linspace(0, duration, points + 1), truth, np.asarray(paths)


def energy_behaviour(task: Task, ts, paths) -> tuple[list[float], list[float]]:
    """Of each path: the largest |H - H0|, and the drift of a straight line through H, of it."""
    deviations, drifts = [], []
    for path in paths:
        change = energies(task.system.energy, path)
        change = change - change[0]
        slope = np.polyfit(ts, change, 1)[0]
        deviations.append(float(np.abs(change).max()))
        drifts.append(float(abs(slope) * ts[-1] / np.abs(change).max()))
    return deviations, drifts
