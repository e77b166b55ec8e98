"""What the learned flows share: a net of `(t, x0)` on `[0, dt]`, composed with itself beyond."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import Tag, check_finite, check_increasing, declared, grid_times

from .._abstract import AbstractModel


def iterate(function, x, count):
    """`function` applied to `x` as often as `count` says: a number, or one per column of `x`."""

    def body(carry):
        i, x = carry
        return i + 1, jnp.where(i < count, function(x), x)

    def unfinished(carry):
        return carry[0] < jnp.max(count)

    return jax.lax.while_loop(unfinished, body, (jnp.zeros_like(jnp.max(count)), x))[1]


class AbstractFlow(AbstractModel):
    """A learned flow `N(t, x0)`: the state at the time `t` after `x0`, with `N(0, x0) = x0`.

    It is trained on `0 <= t <= dt` and extended by composition,
    `psi(t, x0) = N(t - k dt, N(dt, .)^k (x0))` with `k = floor(t / dt)`, which is continuous.
    That serves all times if the states it was trained on contain where they go in `dt`.
    States are `(d,)` or features-first `(d, N)`; `t` a scalar, or one time a column `(N,)`.

    Optional parts, absent (`None`) unless a class offers them under that name:

    - `inverse(t, x)`: the `x0` with `N(t, x0) = x`, exact.
    - `hamiltonian(t, x)`: the energy of which the flow is the exact flow; `velocity_along(t, x0)`:
      `((N, H), (dN/dt, dH/dt))` at `(t, x0)`, `H` that energy at `N`, in one pass.
    """

    dt: eqx.AbstractVar[float]

    inverse = declared(None)
    hamiltonian = declared(None)
    velocity_along = declared(None)

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What `x0 -> N(t, x0)` and its compositions keep."""

    @abc.abstractmethod
    def __call__(self, t, x0) -> Array:
        """`N(t, x0)`, of the shape of `x0`."""

    def velocity(self, t, x0) -> tuple[Array, Array]:
        """`(N, dN/dt)` at `(t, x0)` by one forward derivative in `t`."""
        t = jnp.broadcast_to(jnp.asarray(t, x0.dtype), x0.shape[1:])
        return jax.jvp(lambda t: self(t, x0), (t,), (jnp.ones_like(t),))

    def extend(self, t, x0) -> Array:
        """`psi(t, x0)` for any `t >= 0`, one time or one per column; `k` compositions.

        Differentiable forwards; backwards only through `N` itself.
        """
        t = jnp.asarray(t, x0.dtype)
        check_not_negative(t)
        count = jnp.floor(t / self.dt)
        return self(t - count * self.dt, iterate(lambda x: self(self.dt, x), x0, count))

    def predict(self, x0, ts, args=None) -> Array:
        """Forecast from `x0: (d,)` at `ts[0]` (or `(d, N)`): states at `ts: (n,)`, `(n, d)`.

        `ts` may be a grid `(h, n)` as of `rollout`. `args` is not used: a flow takes no input.
        Cost: one evaluation for each `dt` and each time. Raises `ValueError` for an initial state
        that is not finite and times that do not increase.
        """
        check_finite("x0", x0)
        x0 = jnp.asarray(x0)
        ts = grid_times(ts, x0.dtype)
        check_increasing("ts", ts)
        return _predict(self, x0, jnp.asarray(ts, x0.dtype))


def check_not_negative(t) -> None:
    """Raise `ValueError` for a concrete time below zero."""
    if not isinstance(t, jax.core.Tracer) and not bool((t >= 0).all()):
        raise ValueError(f"the time must not be negative, got {jnp.min(t)}")


@eqx.filter_jit
def _predict(flow, x0, ts):
    def body(carry, s):
        count, x = carry
        target = jnp.floor(s / flow.dt)
        x = iterate(lambda x: flow(flow.dt, x), x, target - count)
        return (target, x), flow(s - target * flow.dt, x)

    return jax.lax.scan(body, (jnp.zeros_like(ts[0]), x0), ts - ts[0])[1]
