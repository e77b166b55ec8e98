"""What every model shares: a forecast by fixed steps, and the rate of its energy."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import check_finite, check_increasing, check_size, grid_times
from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep, check_parts, rollout

from ._abstract import AbstractModel


def forecast(
    step: AbstractStep, field: AbstractField, x0, ts, args: Any = None, *, substeps: int = 1
) -> Array:
    """States at `ts` by `substeps` equal steps between neighbouring times, compiled once per shape.

    **Arguments:** `step`: as in `dynnets.integrators`; `x0`: `(d,)` (or features-first `(d, N)`)
    at `ts[0]`; `ts`: `(n,)`, increasing, or a grid `(h, n)` as of `rollout`; `args`: `None`, an
    input held constant `(m,)`, its values at `ts` `(n, m)` (joined by straight lines), a diffrax
    interpolation, or a function `u(t)`.

    **Returns:** `(n, d)`, the first row `x0`. Raises `ValueError` for an initial state that is
    not finite, times that do not increase, inputs of another length, and a field that lacks the
    parts which the step needs. A solution that leaves the finite numbers does so in the result.
    """
    check_size("substeps", substeps)
    check_parts(step, field)
    check_finite("x0", x0)
    x0 = jnp.asarray(x0)
    ts = grid_times(ts, x0.dtype)
    check_increasing("ts", ts)
    ts = jnp.asarray(ts, x0.dtype)
    if ts.shape[0] < 2:
        return jnp.broadcast_to(x0, (ts.shape[0], *x0.shape))
    if eqx.is_array(args) and args.ndim == 2:
        if args.shape[0] != ts.shape[0]:
            raise ValueError(f"{ts.shape[0]} times need as many inputs, got shape {args.shape}")
        args = diffrax.LinearInterpolation(ts, jnp.asarray(args, x0.dtype))
    return _roll(step, field, x0, ts, args, substeps)


@eqx.filter_jit
def _roll(step, field, x0, ts, args, substeps):
    return rollout(step, field, x0, ts, args, substeps=substeps).xs


def energy_rate(model: AbstractModel, t, x, args: Any = None) -> Array:
    """`dH/dt = grad H(x) . f(t, x, u)`: the power that the learned system takes in.

    Zero for a conservative model, never positive for a port-Hamiltonian one without input, and
    free for a model without structure. **Arguments:** `x`: `(d,)` or features-first `(d, N)`.
    Raises `ValueError` for a model without an energy.
    """
    if model.energy is None:
        raise ValueError(f"{type(model).__name__} has no energy")
    return jnp.sum(model.energy.gradient(t, x) * model.field(t, x, args), axis=0)
