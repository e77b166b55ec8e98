"""What the tasks of the SympNet benchmark share: orbits, training in two stages, scores."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Settings, training
from benchmarks.harness.flows import energies
from dynnets.data import Trajectories, midpoint_derivatives
from dynnets.integrators import RungeKutta, rollout
from dynnets.losses import FlowSamples, derivative_matching, flow_matching
from dynnets.models import HNN, NetworkFlow
from dynnets.training import fit_least_squares, stack_models, unstack

PEAK = 1e-2


def orbit(system, x0, h: float, n: int) -> np.ndarray:
    """`n + 1` states of the true system every `h`, to about 1e-13."""
    step = RungeKutta(diffrax.Dopri8())
    inner = max(1, round(h / 0.025))
    return np.asarray(rollout(step, system.field, jnp.asarray(x0), (h, n), substeps=inner).xs)


def pairs(states) -> FlowSamples:
    """Neighbours of one orbit `(n, d)`; the step is the unit of time."""
    states = jnp.asarray(states)
    return FlowSamples(jnp.ones(states.shape[0] - 1), states[:-1], states[1:])


def residual(net, batch):
    """What least squares minimises: the error of every component of every pair."""
    return net(batch.t, batch.x0.T) - batch.x.T


def members(settings: Settings, make):
    """One model a seed, as a stack."""
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    return stack_models(lambda key: make(key=key), keys)


def descend(settings: Settings, label: str, models, loss, data, steps: int, **options):
    """Adam under a cosine from 1e-2 to 0, all seeds in one program; **returns** the stack."""
    optimiser = optax.adam(optax.cosine_decay_schedule(PEAK, steps))
    run = training.fit(
        settings, f"{label}, Adam",
        models, loss, data, optimiser, steps=steps, key=jr.key(1),
        ensemble=len(settings.seeds), chunk=20_000, **options,
    )  # fmt: skip
    return run.model


def polish(settings: Settings, label: str, models, rest, data, steps: int, dual: bool):
    """Levenberg-Marquardt on the same data, from where Adam ended."""
    with settings.clock(f"{label}, least squares"):
        found = fit_least_squares(
            models, rest, data, steps=settings.scaled(steps, fast=2), tolerance=1e-13,
            ensemble=len(settings.seeds), dual=dual, by_sample=True,
        )  # fmt: skip
    return found.model


def train(settings: Settings, label: str, make, data, steps: int, least: int, *, dual: bool):
    """A SympNet after Adam, and after least squares too."""
    steps = settings.scaled(steps, fast=20)
    first = descend(settings, label, members(settings, make), flow_matching, data, steps)
    return first, polish(settings, label, first, residual, data, least, dual)


def _rates(model, data):
    return model.field(data.t, data.x.T, None) - data.dx.T


def train_hnn(settings: Settings, label: str, dim: int, width: int, depth: int, states, h, steps):
    """The baseline: an HNN on differences at midpoints, with least squares on top likewise."""
    states = jnp.asarray(states)[None]
    count = states.shape[1]
    record = Trajectories(
        h * jnp.arange(count)[None] * 1.0, states, None, None, jnp.array([count]),
        tuple(map(str, range(dim))),
    )  # fmt: skip
    data = midpoint_derivatives(record)
    models = members(settings, lambda key: HNN(dim, width, depth, key=key))
    steps = settings.scaled(steps, fast=20)
    first = descend(settings, f"{label}, HNN", models, derivative_matching, data, steps)
    return polish(settings, f"{label}, HNN", first, _rates, data, 50, True)


class HnnMap(eqx.Module):
    """One implicit midpoint step of an HNN, called as a net of the step."""

    model: HNN
    h: float

    def __call__(self, t, x):
        field, step = self.model.field, self.model.step
        if x.ndim == 1:
            return step(field, 0.0, x, t * self.h)
        return jax.vmap(lambda t, x: step(field, 0.0, x, t * self.h), (0, 1), 1)(t, x)

    @property
    def structure(self):
        """Not asked for here."""
        return frozenset()


def maps(models, count: int, h: float | None = None) -> list:
    """The members of a stack as maps of the unit step; HNNs with their own step `h`."""
    nets = [unstack(models, i) for i in range(count)]
    return nets if h is None else [HnnMap(net, h) for net in nets]


@eqx.filter_jit
def squares(net, batch) -> jax.Array:
    """The mean square error per component of one step, one number a pair."""
    return jnp.mean((net(batch.t, batch.x0.T) - batch.x.T) ** 2, axis=0)


def mean_square(net, batch) -> jax.Array:
    """The mean of `squares`."""
    return jnp.mean(squares(net, batch))


def forecast(net, x0, n: int) -> np.ndarray:
    """The orbit of the composed map, `(n + 1, d)`."""
    return np.asarray(NetworkFlow(net, 1.0).predict(jnp.asarray(x0), jnp.arange(n + 1.0)))


def scores(settings: Settings, nets, known, test, truth, energy) -> dict:
    """Errors of one step and of the roll-out along `truth (n + 1, d)`, by name, one a seed."""
    found = {"train": [], "test": [], "rollout": [], "energy": [], "paths": []}
    for net in nets:
        path = forecast(net, truth[0], len(truth) - 1)
        values = energies(energy, path)
        found["train"].append(float(mean_square(net, known)))
        found["test"].append(float(mean_square(net, test)))
        found["rollout"].append(float(np.linalg.norm(path - truth, axis=1).max()))
        found["energy"].append(float(np.abs(values - values[0]).max()))
        found["paths"].append(path)
    return found
