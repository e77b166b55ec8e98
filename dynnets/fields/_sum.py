"""Fields that move mass between components and neither make nor lose any."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import SUM, check_finite, check_size, constant_field
from dynnets.linear import pair_sums, skew_from_entries, skew_size
from dynnets.nn import MLP, mlp

from ._abstract import AbstractField
from ._inputs import input_at


class SumPreservingField(AbstractField):
    """`x' = S(x) g`, `S = A(x) - A(x)^T` a net of the state: `g^T x` never changes.

    `S_ij` is the flux from component `j` to component `i`. Preserves: `sum(x)` for `g = 1`
    (SUM), which every Runge-Kutta and multistep method keeps exactly, at any `h`; positivity of
    the components is NOT kept. The sum over the pairs is linear, so it is taken of the last
    layer's weights and not of every state: a batch costs one net with `d` outputs, though it has
    `d (d - 1) / 2` of them.

    **Arguments:** `dim`: at least 2; `width`, `depth`, `activation`, `key`: of the net, as
    `MLP`; `weights`: `g (d,)`, constant, ones if `None`; ones are stored as `None`. Input through
    `args`: a source `u (d,)` in every component, so that the sum changes by its integral. Raises
    `ValueError` for a wrong size. Source: Celledoni, Murari, Owren, Schoenlieb, Sherry, SIAM J.
    Sci. Comput. 45, 2023.
    """

    net: MLP
    weights: Float[Array, " d"] | None = constant_field()
    features_first: ClassVar[bool] = True

    def __init__(
        self,
        dim: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        weights: Float[Array, " d"] | None = None,
        key: PRNGKeyArray,
    ):
        check_size("dim", dim, 2)
        if weights is not None:
            check_finite("weights", weights)
            if weights.shape != (dim,):
                raise ValueError(f"weights have shape ({dim},), got {weights.shape}")
            if not isinstance(weights, jax.core.Tracer) and bool(jnp.all(weights == 1)):
                weights = None  # the plain sum, which the field may claim
        self.net = MLP(dim, skew_size(dim), width, depth, activation=activation, key=key)
        self.weights = weights

    @property
    def structure(self):
        """`{SUM}`; with weights of its own the field keeps `g^T x` instead, which has no tag."""
        return frozenset({SUM}) if self.weights is None else frozenset()

    def fluxes(self, x) -> Float[Array, "d d *batch"]:
        """`S(x)`: entry `(i, j)` flows from `j` to `i`."""
        return skew_from_entries(self.net(x), x.shape[0])

    def __call__(self, t, x, args=None):
        """`S(x) g + u(t)`."""
        *hidden, (weight, bias) = self.net.layers
        fixed = None if self.weights is None else jax.lax.stop_gradient(self.weights)
        offset = None if bias is None else pair_sums(bias, x.shape[0], fixed)
        last = pair_sums(weight, x.shape[0], fixed), offset
        rate = mlp((*hidden, last), self.net.activation, x)
        u = input_at(t, args)
        return rate if u is None else rate + jnp.broadcast_to(_columns(u, rate), rate.shape)


def _columns(u: Array, like: Array) -> Array:
    return u.reshape(u.shape + (1,) * (like.ndim - u.ndim))
