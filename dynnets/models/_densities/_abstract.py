"""The role of every learned density."""

import abc
import math

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_size, declared


class AbstractDensity(eqx.Module):
    """A learned probability density: how likely a point is, and draws of points.

    A subclass defines `dim`, `log_prob` and `draws`. Points are features-first: `(dim,)`, or a
    batch `(dim, N)`. Optional parts:

    - `condition_dim`: size of the condition that the density depends on, 0 for none. A condition
      is `(condition_dim,)`, the same for all points, or `(condition_dim, N)`, one for each.
    - `structure`: what the map from the base to the data keeps; nothing by default.
    - `data_dim`: how many of the `dim` components are data, the first ones; the others are
      auxiliary variables that the density brings itself. All by default.
    - `log_bound`: a lower bound of the log-density of the data alone, for a density with auxiliary
      variables; without them it is `log_prob` itself.
    """

    dim: eqx.AbstractVar[int]

    condition_dim = declared(0)
    structure = declared(frozenset())

    @property
    def data_dim(self) -> int:
        """The number of components that are data: all, unless the class says otherwise."""
        return self.dim

    @abc.abstractmethod
    def log_prob(self, x: Float[Array, " dim *batch"], condition=None) -> Float[Array, " *batch"]:
        """The exact log-density of the points `x`, in nats, given the condition."""

    @abc.abstractmethod
    def draws(self, count: int, condition=None, *, key: PRNGKeyArray) -> Float[Array, "dim count"]:
        """So many independent points, given the condition: what `sample` is made of."""

    def sample(self, *, key: PRNGKeyArray, shape=(), condition=None) -> Float[Array, "dim ..."]:
        """Independent points of the density, `(dim, *shape)`, given the condition.

        **Arguments:** `key`: draws them; `shape`: of the set of draws, one point by default;
        `condition`: `(condition_dim,)` or `(condition_dim, *shape)`. Raises `ValueError` for a
        shape that is no tuple of sizes and a condition that does not fit.
        """
        if not isinstance(shape, tuple):
            raise ValueError(f"the shape of the draws must be a tuple, got {shape!r}")
        for size in shape:
            check_size("every entry of shape", size)
        condition = self.check_condition(condition, shape)
        if condition is not None:
            condition = condition.reshape(self.condition_dim, -1)
        return self.draws(math.prod(shape), condition, key=key).reshape(self.dim, *shape)

    def log_bound(
        self, x: Float[Array, " data_dim *batch"], condition=None, *, samples: int = 1, key=None
    ) -> Float[Array, "*batch"]:
        """A lower bound of the log-density of the data `x`, in nats, right on average.

        **Arguments:** `x`, `condition`: as for `log_prob`; `samples`: draws of the auxiliary
        variables for each point, which `key` makes. Without such variables it is exact, and
        `samples` and `key` are not used.
        """
        check_size("samples", samples)
        return self.log_prob(x, condition)

    def check_condition(self, condition, batch: tuple[int, ...]):
        """The condition for a batch of points: `(condition_dim, *batch)`, or `None`.

        Raises `ValueError` for a condition that is missing, not wanted or of another shape.
        """
        name, size = type(self).__name__, self.condition_dim
        if condition is None:
            if size:
                raise ValueError(f"{name} needs a condition of size {size}, got none")
            return None
        shape = jnp.shape(condition)
        if not size:
            raise ValueError(f"{name} takes no condition, got one of shape {shape}")
        if shape not in ((size,), (size, *batch)):
            raise ValueError(
                f"{name} takes a condition of shape {(size,)} or {(size, *batch)}, got {shape}"
            )
        if len(shape) == 1:
            condition = condition.reshape(size, *(1,) * len(batch))
        return jnp.broadcast_to(condition, (size, *batch))
