"""Time marching: a long initial-value problem as a chain of short ones."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import check_finite, check_size
from dynnets.fields import AbstractField
from dynnets.losses import FlowResidual, StatePool
from dynnets.models import NeuralFlow, WindowedSolution

from ._ensemble import stack_models
from ._fit import fit
from ._result import FitResult


class MarchResult(NamedTuple):
    """What `march` returns: the solution, and how the training of each window went.

    For an ensemble, `model` is a stack of solutions (`unstack` gives one).
    """

    model: WindowedSolution
    runs: tuple[FitResult, ...]


def march(
    make: Callable[[PRNGKeyArray], NeuralFlow],
    field: AbstractField,
    x0: Array,
    optimiser,
    *,
    windows: int,
    steps: int,
    keys,
    points: int = 1000,
    chunk: int = 500,
) -> MarchResult:
    """Solve `x' = f(t, x)` from `x0` over `windows` times `dt` by one net per window.

    Each window starts where the net before it ends. A net over a long time settles at an
    equilibrium, where the residual vanishes too; over short windows it has no room to.

    **Arguments:** `make(key)`: a `NeuralFlow` (`amortised=False` will do), its `dt` the length of a
    window; `field`: autonomous, for each window counts its own time; `x0`: `(d,)`; `steps`: the
    number of updates per window; `keys`: one key per member, `(k,)`, so that `k` solutions are
    trained at once; `points`, `chunk`: as `FlowResidual` and `fit`.

    **Returns** a `MarchResult`. Raises `ValueError` for sizes below one, and an `x0` that is not
    finite. Cost: `windows` calls of `fit`.
    """
    check_size("windows", windows)
    check_finite("x0", x0)
    members = keys.shape[0]
    pairs = jax.vmap(lambda key: jr.split(key, 2 * windows))(keys)
    start = jnp.broadcast_to(x0, (members, *x0.shape))
    flows, starts, runs = [], [], []
    for w in range(windows):
        flow = stack_models(make, pairs[:, 2 * w])
        run = fit(
            flow,
            FlowResidual(field, points, (0.0, flow.dt)),
            eqx.filter_vmap(StatePool)(start[:, None]),
            optimiser,
            steps=steps,
            key=pairs[0, 2 * w + 1],
            ensemble=members,
            data_axis=0,
            chunk=chunk,
        )
        flows.append(run.model)
        starts.append(start)
        runs.append(run)
        start = eqx.filter_vmap(lambda flow, x: flow(flow.dt, x))(run.model, start)
    stacked = jax.tree.map(lambda *a: jnp.stack(a, axis=1), *flows)
    return MarchResult(eqx.filter_vmap(WindowedSolution)(stacked, jnp.stack(starts, 1)), (*runs,))
