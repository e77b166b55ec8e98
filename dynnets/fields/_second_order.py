"""A structure-free field that knows one thing: coordinates change by their velocities."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynnets._core import check_size, join_phase, split_phase
from dynnets.nn import MLP, angle_features, check_angles

from ._abstract import AbstractField
from ._inputs import input_at


class SecondOrderField(AbstractField):
    """`q' = v`, `v' = net(q, v, u(t))`: a second-order neural ODE; preserves nothing.

    The baseline of mechanical models on states `(q, v)`: as free as a net of forces can be.

    **Arguments:**

    - `n`: number of coordinates; the state has `2n` components.
    - `width`, `depth`, `activation`, `key`: as `MLP`.
    - `angles`: which coordinates are angles in rad; the net has period `2 pi` in them.
    - `input_dim`: size of the input `u`, brought by `args` (see `input_at`); 0 for none.

    Cost: one net. Raises `ValueError` when an input is missing or not expected.

    Source: A. Norcliffe et al., On Second Order Behaviour in Augmented Neural ODEs, NeurIPS 2020.
    """

    net: MLP
    angles: tuple[int, ...] = eqx.field(static=True)
    input_dim: int = eqx.field(static=True)
    features_first: ClassVar[bool] = True

    def __init__(
        self,
        n: int,
        width: int,
        depth: int,
        *,
        angles: tuple[int, ...] = (),
        input_dim: int = 0,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("n", n)
        check_angles(angles)
        check_size("input_dim", input_dim, 0)
        size = 2 * n + len(angles) + input_dim
        self.net = MLP(size, n, width, depth, activation=activation, key=key)
        self.angles, self.input_dim = angles, input_dim

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """`(v, net(q, v, u))`."""
        q, v = split_phase(x)
        parts = [angle_features(q, self.angles), v]
        u = input_at(t, args)
        if (u is None) == (self.input_dim > 0):
            raise ValueError(f"this field takes {self.input_dim} inputs, got u = {u}")
        if u is not None:
            u = u.reshape(u.shape + (1,) * (x.ndim - u.ndim))
            parts.append(jnp.broadcast_to(u, (self.input_dim, *x.shape[1:])))
        return join_phase(v, self.net(jnp.concatenate(parts)))
