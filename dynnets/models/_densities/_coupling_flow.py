"""Densities by affine couplings: the baseline of flows that keep volume."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_positive, check_size
from dynnets.networks import scan_layers, stack_layers
from dynnets.nn import MLP

from ._abstract import AbstractDensity
from ._gaussian import gaussian_log_density


class CouplingFlow(AbstractDensity):
    """A chain of affine couplings (RealNVP): `a, b -> b exp(s(a)) + t(a)`, halves exchanged.

    `s = limit tanh(net / limit)` bounds the stretch of one layer. The inverse is exact and the
    determinant of the Jacobian is `exp(sum s)`, so `log_prob` is exact. With a condition `c` the
    nets read `(a, c)`, so that the density is that of `x` given `c`.

    **Arguments:** `dim`: of the data, at least 2; `depth`: couplings; `width`, `layers`: of the
    net of each (tanh); `condition_dim`: size of the condition, 0 for none; `limit`: positive;
    `key`: draws the weights. Points are `(d,)` or features-first `(d, N)`. Cost: one net a
    coupling, either way. Raises `ValueError` for sizes below these, and for a condition that does
    not fit. Preserves nothing: it changes volume to fit densities.

    Source: Dinh, Sohl-Dickstein, Bengio, Density Estimation Using Real NVP, ICLR 2017,
    arXiv:1605.08803.

    ```python
    >>> import jax.random as jr
    >>> from dynnets.models import CouplingFlow
    >>> flow = CouplingFlow(2, depth=4, width=8, key=jr.key(0))
    >>> draws = flow.sample(key=jr.key(1), shape=(100,))
    >>> draws.shape, flow.log_prob(draws).shape
    ((2, 100), (100,))

    ```
    """

    nets: MLP
    dim: int = eqx.field(static=True)
    condition_dim: int = eqx.field(static=True)
    limit: float = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        depth: int = 8,
        width: int = 32,
        layers: int = 2,
        *,
        condition_dim: int = 0,
        limit: float = 3.0,
        key: PRNGKeyArray,
    ):
        check_size("dim", dim, 2)
        check_size("condition_dim", condition_dim, 0)
        check_positive("limit", limit)
        kept = dim // 2
        inputs, outputs = kept + condition_dim, 2 * (dim - kept)
        self.nets = stack_layers(
            lambda key: MLP(inputs, outputs, width, layers, key=key), depth, key=key
        )
        self.dim, self.condition_dim, self.limit = dim, condition_dim, limit

    def _shape(self, net, a, condition):
        given = a if condition is None else jnp.concatenate([a, condition])
        stretch, shift = jnp.split(net(given), 2)
        return self.limit * jnp.tanh(stretch / self.limit), shift

    def forward(
        self, z: Float[Array, " dim *batch"], condition=None
    ) -> Float[Array, " dim *batch"]:
        """Data from the base."""
        condition = self.check_condition(condition, z.shape[1:])

        def couple(net, x):
            a, b = x[: self.dim // 2], x[self.dim // 2 :]
            stretch, shift = self._shape(net, a, condition)
            return jnp.concatenate([a, b * jnp.exp(stretch) + shift])[::-1]

        return scan_layers(couple, self.nets, z)

    def inverse(self, x: Float[Array, " dim *batch"], condition=None) -> tuple[Array, Array]:
        """The base's point `z` of `x`, and `log |det dz/dx|`."""
        condition = self.check_condition(condition, x.shape[1:])

        def undo(net, carry):
            x, log_det = carry
            x = x[::-1]
            a, b = x[: self.dim // 2], x[self.dim // 2 :]
            stretch, shift = self._shape(net, a, condition)
            x = jnp.concatenate([a, (b - shift) * jnp.exp(-stretch)])
            return x, log_det - jnp.sum(stretch, axis=0)

        return scan_layers(undo, self.nets, (x, jnp.zeros_like(x[0])), reverse=True)

    def log_prob(self, x: Float[Array, " dim *batch"], condition=None) -> Float[Array, " *batch"]:
        """The exact log-density of `x` under a standard normal base."""
        z, log_det = self.inverse(x, condition)
        return gaussian_log_density(z, jnp.zeros_like(z), jnp.zeros_like(z)) + log_det

    def draws(self, count: int, condition=None, *, key: PRNGKeyArray):
        """So many draws of the data."""
        dtype = jnp.result_type(*jax.tree.leaves(eqx.filter(self.nets, eqx.is_inexact_array)))
        return self.forward(jr.normal(key, (self.dim, count), dtype), condition)
