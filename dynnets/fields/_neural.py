"""A field without structure: the baseline of every comparison."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import PRNGKeyArray

from dynnets._core import assemble, check_size
from dynnets.nn import MLP

from ._abstract import AbstractField
from ._inputs import input_at


class NeuralField(AbstractField):
    """`x' = net(x, u(t))`: a plain neural vector field; preserves nothing.

    **Arguments:** `dim`: size of the state; `width`, `depth`, `activation`, `key`: as `MLP`;
    `input_dim`: size of the input `u`, brought by `args` (see `input_at`); 0 for none.
    Cost: one net. Raises `ValueError` when an input is missing or not expected.
    """

    net: MLP
    input_dim: int = eqx.field(static=True)
    features_first: ClassVar[bool] = True

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int,
        *,
        input_dim: int = 0,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("input_dim", input_dim, 0)
        self.net = MLP(dim + input_dim, dim, width, depth, activation=activation, key=key)
        self.input_dim = input_dim

    @classmethod
    def from_weights(cls, layers, *, activation: str = "tanh", input_dim: int = 0) -> "NeuralField":
        """The field of given weights, as `MLP.from_weights`; the net maps `(d + m,)` to `(d,)`."""
        check_size("input_dim", input_dim, 0)
        net = MLP.from_weights(layers, activation=activation)
        sizes = net.layers[0][0].shape[1], net.layers[-1][0].shape[0]
        if sizes[0] != sizes[1] + input_dim:
            raise ValueError(
                f"the net of a field with {input_dim} inputs maps d + {input_dim} to d numbers, "
                f"got {sizes[0]} to {sizes[1]}"
            )
        return assemble(cls, net=net, input_dim=input_dim)

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """`net(x)` or `net(x, u)`."""
        u = input_at(t, args)
        if (u is None) == (self.input_dim > 0):
            raise ValueError(f"this field takes {self.input_dim} inputs, got u = {u}")
        if u is not None:
            u = jnp.broadcast_to(
                u.reshape(u.shape + (1,) * (x.ndim - u.ndim)), (self.input_dim,) + x.shape[1:]
            )
            x = jnp.concatenate([x, u])
        return self.net(x)
