"""Flows of matrices that stay orthogonal."""

from typing import ClassVar

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import NORM, ORTHOGONAL, check_size
from dynnets.linear import skew_from_entries, skew_size
from dynnets.nn import MLP

from ._abstract import AbstractField


class OrthogonalFlowField(AbstractField):
    """`Q' = S(Q) Q` for matrices `Q (n, k)`, `S` a skew matrix of a net of the entries of `Q`.

    Preserves: `Q^T Q`, so orthonormal columns stay so. Offers `skew`, for Cayley and Lie-group
    steps. The state is a matrix: its second axis is no batch (`features_first` is False). Cost:
    one net with `n (n - 1) / 2` outputs and one product.

    **Arguments:** `n`: at least 2; `k`: the number of columns; `width`, `depth`, `activation`,
    `key`: the arguments of the net, as `MLP`. Raises `ValueError` for sizes below that. Source:
    Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, IV.4 and IV.8.
    """

    net: MLP
    n: int = eqx.field(static=True)
    features_first: ClassVar[bool] = False

    def __init__(
        self,
        n: int,
        k: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("n", n, 2)
        check_size("k", k)
        self.net = MLP(n * k, skew_size(n), width, depth, activation=activation, key=key)
        self.n = n

    @property
    def structure(self):
        """`{NORM,
        ORTHOGONAL, NORM}`: with `Q^T Q` its trace, the squared Frobenius norm, is kept.
        """
        return frozenset({NORM, ORTHOGONAL, NORM})

    def skew(self, t, x: Float[Array, "n k"], args=None) -> Float[Array, "n n"]:
        """`S(Q)`."""
        return skew_from_entries(self.net(x.reshape(-1)), self.n)

    def __call__(self, t, x: Float[Array, "n k"], args=None) -> Array:
        """`S(Q) Q`."""
        return self.skew(t, x, args) @ x
