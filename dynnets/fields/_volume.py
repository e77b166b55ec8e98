"""Volume-preserving fields made of shears."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import VOLUME, assemble, check_choice, check_size
from dynnets.nn import ACTIVATIONS, activate, affine

from ._abstract import AbstractField


def shear_rate(
    y: Float[Array, " m *batch"],
    inner: Float[Array, "width m"],
    bias: Float[Array, " width"],
    outer: Float[Array, "width n"],
    activation: str,
) -> Float[Array, " n *batch"]:
    """`B^T s(A y + b)`: the rate of one half of the state as a function of the other half `y`."""
    return outer.T @ activate(activation, affine(inner, bias, y))


class ShearField(AbstractField):
    """`x1' = B1^T s(A1 x2 + b1)`, `x2' = B2^T s(A2 x1 + b2)`: divergence zero for all weights.

    The state is `x = (x1, x2)` of sizes `n1` and `n2`, equal or not. Preserves: volume. Each
    half alone is a shear whose Euler step is its exact flow, offered as `flows`: a step composed
    of them has the determinant one, an inverse at the cost of the map, and log-determinant zero.
    Cost: four products.

    **Arguments:** `n1`, `n2`: sizes; `width`: of the hidden layers; `activation`: one of
    `ACTIVATIONS`; `key`: draws `A` orthogonal and `B` of size about one, biases zero. Raises
    `ValueError` for sizes below one. Source: Celledoni, Murari, Owren, Schoenlieb, Sherry, SIAM
    J. Sci. Comput. 45, 2023, arXiv:2210.02373.
    """

    inner: tuple[Float[Array, "width n2"], Float[Array, "width n1"]]
    biases: tuple[Float[Array, " width"], Float[Array, " width"]]
    outer: tuple[Float[Array, "width n1"], Float[Array, "width n2"]]
    activation: str = eqx.field(static=True)
    features_first: ClassVar[bool] = True
    shear: ClassVar[bool] = True

    def __init__(
        self, n1: int, n2: int, width: int, *, activation: str = "tanh", key: PRNGKeyArray
    ):
        for name, size in (("n1", n1), ("n2", n2), ("width", width)):
            check_size(name, size)
        check_choice("activation", activation, ACTIVATIONS)
        keys = jr.split(key, 4)
        orthogonal = jax.nn.initializers.orthogonal()
        self.inner = (orthogonal(keys[0], (width, n2)), orthogonal(keys[1], (width, n1)))
        self.outer = (orthogonal(keys[2], (width, n1)), orthogonal(keys[3], (width, n2)))
        self.biases = (jnp.zeros(width, self.inner[0].dtype),) * 2
        self.activation = activation

    @classmethod
    def from_weights(
        cls, inner: tuple, biases: tuple, outer: tuple, *, activation: str = "tanh"
    ) -> "ShearField":
        """The field of given weights: `(A1 (w, n2), A2 (w, n1))`, `(b1, b2)`, `(B1, B2)`.

        `b1, b2 (w,)`, `B1 (w, n1)`, `B2 (w, n2)`. Raises `ValueError` for other shapes.
        """
        check_choice("activation", activation, ACTIVATIONS)
        inner, biases, outer = (tuple(map(jnp.asarray, part)) for part in (inner, biases, outer))
        shapes = [[part.shape for part in parts] for parts in (inner, biases, outer)]
        fits = all(len(parts) == 2 for parts in shapes)
        fits = fits and [shape[:1] for shape in shapes[0] + shapes[2]] == shapes[1] * 2
        if not fits or shapes[0] != shapes[2][::-1] or len(shapes[0][0]) != 2:
            raise ValueError(f"weights of two shears do not fit each other: shapes {shapes}")
        return assemble(cls, inner=inner, biases=biases, outer=outer, activation=activation)

    @property
    def structure(self):
        """`{VOLUME}`."""
        return frozenset({VOLUME})

    def _split(self, x):
        n1 = self.outer[0].shape[1]
        if x.shape[0] != n1 + self.outer[1].shape[1]:
            raise ValueError(
                f"the state of this field has {n1} + {self.outer[1].shape[1]} components, "
                f"got {x.shape[0]}"
            )
        return x[:n1], x[n1:]

    def _rate(self, half, y):
        inner, bias, outer = self.inner[half], self.biases[half], self.outer[half]
        return shear_rate(y, inner, bias, outer, self.activation)

    def __call__(self, t, x, args=None):
        """`(B1^T s(A1 x2 + b1), B2^T s(A2 x1 + b2))`."""
        x1, x2 = self._split(x)
        return jnp.concatenate([self._rate(0, x2), self._rate(1, x1)])

    @property
    def flows(self):
        """The exact flows of the two shears, `flow(t, x, h, args=None)`: `x1` moves, then `x2`."""
        return self._move_first, self._move_second

    def _move_first(self, t, x, h, args=None):
        x1, x2 = self._split(x)
        return jnp.concatenate([x1 + h * self._rate(0, x2), x2])

    def _move_second(self, t, x, h, args=None):
        x1, x2 = self._split(x)
        return jnp.concatenate([x1, x2 + h * self._rate(1, x1)])
