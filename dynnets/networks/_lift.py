"""Maps between dimensions around a network, and what each of them keeps.

```python
>>> import jax.numpy as jnp
>>> from dynnets.networks import AbstractResize, SumTruncation, Truncation, ZeroPadding
>>> x = jnp.array([1.0, 2.0])
>>> [resize(x).tolist() for resize in (ZeroPadding(2, 3), Truncation(2, 1), SumTruncation(2, 1))]
[[1.0, 2.0, 0.0], [1.0], [3.0]]
>>> issubclass(ZeroPadding, AbstractResize)
True

```
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import NON_EXPANSIVE, NORM, REVERSIBLE, SUM, Tag, check_size


class AbstractResize(eqx.Module):
    """A linear map from `before` to `after` components. `keeps`: the tags that survive it.

    The symplectic form, volume and orthogonality survive no change of dimension.
    """

    before: eqx.AbstractVar[int]
    after: eqx.AbstractVar[int]
    keeps: ClassVar[frozenset[Tag]] = frozenset()

    @property
    @abc.abstractmethod
    def norm(self) -> float:
        """The largest singular value of the map: its Lipschitz constant."""

    @abc.abstractmethod
    def __call__(self, x) -> Array:
        """The state with `after` components."""


def _check_sizes(small: int, large: int, state, size: int | None = None) -> None:
    if not 1 <= small <= large:
        raise ValueError(f"cannot go between {small} and {large} components")
    if state is not None and state.shape[0] != size:
        raise ValueError(f"expected a state of {size} components, got {state.shape[0]}")


class ZeroPadding(AbstractResize):
    """`x -> (x, 0)`: isometric, keeps norm, sum and distances; `undo` takes the zeros off."""

    before: int = eqx.field(static=True)
    after: int = eqx.field(static=True)
    keeps: ClassVar[frozenset[Tag]] = frozenset({NORM, SUM, NON_EXPANSIVE, REVERSIBLE})

    def __check_init__(self):
        check_size("before", self.before)
        _check_sizes(self.before, self.after, None)

    @property
    def norm(self):
        """1."""
        return 1.0

    def __call__(self, x: Float[Array, " d *batch"]):
        """`(x, 0)`."""
        _check_sizes(self.before, self.after, x, self.before)
        zeros = jnp.zeros((self.after - self.before,) + x.shape[1:], x.dtype)
        return jnp.concatenate([x, zeros])

    def undo(self, y: Float[Array, " d *batch"]):
        """The first `before` components."""
        return y[: self.before]


class Truncation(AbstractResize):
    """The first `after` components: 1-Lipschitz, and the adjoint of `ZeroPadding`."""

    before: int = eqx.field(static=True)
    after: int = eqx.field(static=True)
    keeps: ClassVar[frozenset[Tag]] = frozenset({NON_EXPANSIVE})

    def __check_init__(self):
        check_size("after", self.after)
        _check_sizes(self.after, self.before, None)

    @property
    def norm(self):
        """1."""
        return 1.0

    def __call__(self, x: Float[Array, " d *batch"]):
        """`x[:after]`."""
        _check_sizes(self.after, self.before, x, self.before)
        return x[: self.after]


class SumTruncation(AbstractResize):
    """`y_i = x_i + (1 / k) sum_(j >= k) x_j`: the dropped mass is spread over the `k` kept ones.

    Keeps the sum; expands distances by up to `sqrt(before / after)`.
    """

    before: int = eqx.field(static=True)
    after: int = eqx.field(static=True)
    keeps: ClassVar[frozenset[Tag]] = frozenset({SUM})

    def __check_init__(self):
        check_size("after", self.after)
        _check_sizes(self.after, self.before, None)

    @property
    def norm(self):
        """`sqrt(before / after)`, attained where all components are equal."""
        return (self.before / self.after) ** 0.5

    def __call__(self, x: Float[Array, " d *batch"]):
        """The kept components with their share of the others."""
        _check_sizes(self.after, self.before, x, self.before)
        dropped = jnp.sum(x[self.after :], axis=0, keepdims=True)
        return x[: self.after] + jnp.broadcast_to(dropped / self.after, (self.after,) + x.shape[1:])
