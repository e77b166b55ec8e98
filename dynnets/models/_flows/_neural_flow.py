"""Flows by a net without structure: the solver of Raissi et al., for one start or for many."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_positive, check_size
from dynnets.nn import MLP

from ._flow import AbstractFlow

GATES = ("linear", "tanh")
"""How a `NeuralFlow` is tied to its start: `t / dt`, or `tanh t`."""


class NeuralFlow(AbstractFlow):
    """`N(t, x0) = x0 + g(t) NN(2 t / dt - 1, x0)` with `g(0) = 0`: a net with a hard-wired start.

    **Arguments:**

    - `dim`: of the state; `width`, `depth`, `activation`, `key`: as `MLP`.
    - `dt`: the time that the net serves; its input is scaled to `[-1, 1]` there.
    - `gate`: `g`, `"tanh"` for `tanh t`, or `"linear"` for `t / dt`.
    - `amortised`: whether the net sees `x0`. If not, one training solves for one start only: the
      plain physics-informed network. From another start it gives the same displacement, which is
      wrong.

    Preserves nothing. Cost: one net. Raises `ValueError` for sizes below one, an unknown gate,
    and `dt` that is not positive.
    Source: Raissi, Perdikaris and Karniadakis, J. Comput. Phys. 378, 2019.
    """

    net: MLP
    dt: float = eqx.field(static=True)
    gate: str = eqx.field(static=True)
    amortised: bool = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int,
        *,
        dt: float | int = 1.0,
        gate: str = "tanh",
        amortised: bool = True,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("dim", dim)
        check_positive("dt", dt)
        check_choice("gate", gate, GATES)
        inputs = 1 + dim if amortised else 1
        self.net = MLP(inputs, dim, width, depth, activation=activation, key=key)
        self.dt, self.gate, self.amortised = float(dt), gate, amortised

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, t, x0):
        """`N(t, x0)`: `x0 (d,)` or `(d, N)`, `t` a scalar or `(N,)`."""
        row = jnp.broadcast_to(jnp.asarray(t, x0.dtype), (1, *x0.shape[1:]))
        scaled = 2 * row / self.dt - 1
        inputs = jnp.concatenate([scaled, x0]) if self.amortised else scaled
        gate = jnp.tanh(row) if self.gate == "tanh" else row / self.dt
        return x0 + gate * self.net(inputs)


class WindowedSolution(eqx.Module):
    """One solution of an initial-value problem, made of a flow per window of length `dt`.

    **Fields:** `flows`: a `NeuralFlow` whose arrays have a leading axis `(windows,)`; `starts`:
    the state at the beginning of each window, `(windows, d)`. Continuous where every start is the
    end of the window before it, as `march` makes them.
    """

    flows: NeuralFlow
    starts: Float[Array, "windows d"]

    def __call__(self, t):
        """The state at `t`: `(d,)` for a scalar, `(d, N)` for `t (N,)`; from 0 to the last end."""
        if jnp.ndim(t):
            return jax.vmap(self, out_axes=-1)(t)
        dt, last = self.flows.dt, self.starts.shape[0] - 1
        t = jnp.asarray(t, self.starts.dtype)
        window = jnp.clip(jnp.asarray(jnp.floor(t / dt), int), 0, last)
        flow = jax.tree.map(lambda a: a[window], self.flows)
        return flow(t - jnp.asarray(window, t.dtype) * dt, self.starts[window])
