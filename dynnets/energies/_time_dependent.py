"""Potentials that depend on time, learned: the parts of flows made of exact shears."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import assemble
from dynnets.nn import MLP

from ._abstract import AbstractEnergy


def _with_time(t, q):
    """`(t, q)` as one array `(1 + n, ...)`; `t` a number or one per column of `q`."""
    row = jnp.broadcast_to(jnp.asarray(t, q.dtype), (1, *q.shape[1:]))
    return jnp.concatenate([row, q])


class TimePotential(AbstractEnergy):
    """A learned potential `V(t, q)`: a net of `(t, q)` with one output and no final bias.

    `q: (n,)` or features-first `(n, N)`, then with a scalar `t` or one time per column `(N,)`.
    Gradient and time derivative are in closed form, both from one backward pass; cost: two products
    per hidden layer.

    **Arguments:** `dim`: size of `q`; `width`, `depth`, `activation`, `key`: as `MLP`.
    """

    net: MLP

    def __init__(
        self, dim: int, width: int, depth: int, *, activation: str = "tanh", key: PRNGKeyArray
    ):
        self.net = MLP(dim + 1, 1, width, depth, activation=activation, final_bias=False, key=key)

    @classmethod
    def from_weights(cls, layers, *, activation: str = "tanh") -> "TimePotential":
        """The potential of given weights, as `MLP.from_weights`; the last layer has one output."""
        net = MLP.from_weights(layers, activation=activation)
        if net.layers[-1][0].shape[0] != 1:
            raise ValueError(f"a potential has one output, got {net.layers[-1][0].shape[0]}")
        return assemble(cls, net=net)

    @property
    def autonomous(self):
        """False: the energy of a field of it changes with time."""
        return False

    def __call__(self, t, q):
        """`V(t, q)`."""
        return self.net(_with_time(t, q))[0]

    def gradient(self, t, q):
        """`grad_q V(t, q)`."""
        return self.net.gradient(_with_time(t, q))[1:]

    def time_derivative(self, t, q):
        """`dV/dt (t, q)`, of the shape of `V`."""
        return self.net.gradient(_with_time(t, q))[0]

    def impulse(
        self, t, q: Float[Array, " n *batch"]
    ) -> tuple[Float[Array, " n *batch"], Float[Array, "*batch"]]:
        """`grad_q V(t, q) - grad_q V(0, q)`, and `dV/dt (t, q)`: one batched backward pass.

        The first is the integral of the force of `dV/dt` from 0 to `t` with `q` held, so
        `p -> p - impulse` is the exact flow of the energy `dV/dt (t, q)`. It is zero at `t = 0`.
        """
        if q.ndim == 1:
            change, rate = self.impulse(t, q[:, None])
            return change[:, 0], rate[0]
        then, now = jnp.split(
            self.net.gradient(jnp.concatenate([_with_time(t, q), _with_time(0, q)], axis=-1)),
            2,
            axis=-1,
        )
        return then[1:] - now[1:], then[0]


class RateEnergy(AbstractEnergy):
    """`H(t, x) = dV/dt (t, x)` of a `TimePotential`: the energy whose exact flow `impulse` is.

    The gradient is `d/dt grad V`, one forward derivative of the closed form. Cost: two gradients.

    **Arguments:** `potential`: a `TimePotential`.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.energies import RateEnergy, TimePotential
    >>> rate = RateEnergy(TimePotential(1, 4, 1, key=jr.key(0)))
    >>> rate(0.5, jnp.array([1.0])).shape, rate.autonomous
    ((), False)

    ```
    """

    potential: TimePotential

    @property
    def autonomous(self):
        """False."""
        return False

    def __call__(self, t, x):
        """`dV/dt (t, x)`."""
        return self.potential.time_derivative(t, x)

    def gradient(self, t, x):
        """`d/dt grad V(t, x)`."""
        t = jnp.asarray(t, x.dtype)
        along = lambda s: self.potential.gradient(s, x)  # noqa: E731
        return jax.jvp(along, (t,), (jnp.ones_like(t),))[1]
