"""What the benchmarks of learned flows share: training, composed orbits, errors, references."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from scipy.integrate import solve_ivp

from benchmarks.harness import Settings, training
from dynnets.models import NeuralFlow, SympFlow
from dynnets.training import stack_models, unstack


def in_precision(tree, dtype):
    """Floating-point arrays cast to `dtype`; everything else as it is."""
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def parameters(model) -> int:
    """How many numbers are trained."""
    return sum(a.size for a in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array)))


def adam(steps: int, peak: float, last: float):
    """Adam under a cosine from `peak` to `last`, gradients clipped to the norm 1."""
    schedule = optax.cosine_decay_schedule(peak, steps, last / peak)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(schedule))


def train(settings: Settings, label: str, make: Callable, loss, data, optimiser, steps, **options):
    """One model a seed, in one program; **returns** the stack and the mean of its last losses."""
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    count = len(settings.seeds)
    models = stack_models(lambda key: in_precision(make(key), jnp.float32), keys)
    run = training.fit(
        settings, f"{label}, training",
        models, loss, in_precision(data, jnp.float32), optimiser,
        steps=steps, key=jr.key(1), ensemble=count, chunk=1000, **options,
    )  # fmt: skip
    return run.model, run.history.loss[-max(1, steps // 50) :].mean(axis=0)


def members(models, count: int) -> list:
    """The models of a stack, in float64."""
    return [in_precision(unstack(models, i), jnp.float64) for i in range(count)]


def orbits(models, count: int, x0, ts) -> np.ndarray:
    """Each member's composed flow at `ts` from `x0 (d,)` or `(d, N)`: `(members, n, d, ...)`."""
    x0, ts = jnp.asarray(x0), jnp.asarray(ts)
    return np.stack([np.asarray(m.predict(x0, ts)) for m in members(models, count)])


def mean_error(states, truth) -> np.ndarray:
    """Mean over the initial values of the Euclidean error: `(members, d, N)` against `(d, N)`."""
    return np.linalg.norm(states - truth[None], axis=1).mean(axis=1)


def energies(energy, states) -> np.ndarray:
    """`H` along states `(n, d)`."""
    return np.asarray(energy(0.0, jnp.asarray(states).T))


def deviation(energy, states) -> np.ndarray:
    """`|H / H0 - 1|` along one orbit `(n, d)`."""
    values = energies(energy, states)
    return np.abs(values / values[0] - 1)


def worst_deviation(energy, paths) -> list[float]:
    """The largest `|H / H0 - 1|` of each member's orbit, `(members, n, d)`."""
    return [float(deviation(energy, path).max()) for path in paths]


def solve(rates: Callable, x0, ts, method: str = "RK45", **tolerances) -> np.ndarray:
    """SciPy's solution `(n, d)` of `x' = rates(x)` at `ts`; its default tolerances by default."""
    ts = np.asarray(ts)
    found = solve_ivp(
        lambda t, x: rates(x), (ts[0], ts[-1]), np.asarray(x0), method, t_eval=ts, **tolerances
    )
    return found.y.T


def symplectic_flow(dim: int, width: int, layers: int):
    """`make(key)` of a SympFlow whose potentials have two hidden layers."""
    return lambda key: SympFlow(dim, width, layers, key=key)


def plain_flow(dim: int, width: int):
    """`make(key)` of `x0 + tanh(t) NN(t, x0)`, two hidden layers."""
    return lambda key: NeuralFlow(dim, width, 2, key=key)
