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
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    REVERSIBLE,
    SUM,
    TAGS,
    Tag,
    check_size,
    declared,
)

_EVERYTHING = frozenset(TAGS)


class AbstractResize(eqx.Module):
    """A linear map from `before` to `after` components.

    A map between equal dimensions is the identity, which keeps every tag; the symplectic form and
    volume survive no other change of dimension.

    Optional parts, `None` where there are none: `undo(y)`, the `x` with `resize(x) = y`; `adjoint`,
    the resize that is its adjoint map.
    """

    before: eqx.AbstractVar[int]
    after: eqx.AbstractVar[int]

    @declared
    def undo(self) -> Any:
        """`undo(y)`: the state before, where the map can be undone."""

    @declared
    def adjoint(self) -> Any:
        """The adjoint map, an `AbstractResize`, where the library has it."""

    @property
    def identity(self) -> bool:
        """Whether the map changes nothing."""
        return self.before == self.after

    @property
    @abc.abstractmethod
    def keeps(self) -> frozenset[Tag]:
        """The tags that survive the map, for its sizes."""

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


def _itself(x):
    return x


class ZeroPadding(AbstractResize):
    """`x -> (x, 0)`: isometric, keeps norm, sum and distances, of a matrix its `Q^T Q`."""

    before: int = eqx.field(static=True)
    after: int = eqx.field(static=True)

    def __check_init__(self):
        check_size("before", self.before)
        _check_sizes(self.before, self.after, None)

    @property
    def keeps(self):
        """Norm, sum, `Q^T Q`, distances and the inverse."""
        if self.identity:
            return _EVERYTHING
        return frozenset({NORM, SUM, ORTHOGONAL, NON_EXPANSIVE, REVERSIBLE})

    @property
    def norm(self):
        """1."""
        return 1.0

    @property
    def adjoint(self):
        """`Truncation` back."""
        return Truncation(self.after, self.before)

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

    def __check_init__(self):
        check_size("after", self.after)
        _check_sizes(self.after, self.before, None)

    @property
    def keeps(self):
        """That distances do not grow."""
        return _EVERYTHING if self.identity else frozenset({NON_EXPANSIVE})

    @property
    def norm(self):
        """1."""
        return 1.0

    @property
    def adjoint(self):
        """`ZeroPadding` back."""
        return ZeroPadding(self.after, self.before)

    @property
    def undo(self):
        """Nothing to undo between equal dimensions; else `None`."""
        return _itself if self.identity else None

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

    def __check_init__(self):
        check_size("after", self.after)
        _check_sizes(self.after, self.before, None)

    @property
    def keeps(self):
        """The sum."""
        return _EVERYTHING if self.identity else frozenset({SUM})

    @property
    def norm(self):
        """`sqrt(before / after)`, attained where all components are equal."""
        return (self.before / self.after) ** 0.5

    @property
    def undo(self):
        """Nothing to undo between equal dimensions; else `None`."""
        return _itself if self.identity else None

    def __call__(self, x: Float[Array, " d *batch"]):
        """The kept components with their share of the others."""
        _check_sizes(self.after, self.before, x, self.before)
        if self.identity:
            return x
        dropped = jnp.sum(x[self.after :], axis=0, keepdims=True)
        return x[: self.after] + jnp.broadcast_to(dropped / self.after, (self.after,) + x.shape[1:])


class ChainedResize(AbstractResize):
    """`second(first(x))`: a change of dimension in two parts.

    Where what is padded with zeros is cut again, the chain is one change of dimension, or none, and
    keeps what that keeps: `Truncation(5, 3)` after `ZeroPadding(3, 5)` is the identity. Otherwise
    it keeps what both parts keep. Raises `ValueError` for parts that do not fit.
    """

    first: AbstractResize
    second: AbstractResize

    def __init__(self, first: AbstractResize, second: AbstractResize):
        if first.after != second.before:
            raise ValueError(f"the second part takes what the first gives, got {first}, {second}")
        self.first, self.second = first, second

    @property
    def before(self):
        """Of the first part."""
        return self.first.before

    @property
    def after(self):
        """Of the second part."""
        return self.second.after

    @property
    def whole(self) -> AbstractResize | None:
        """The one resize that the chain is, `None` where there is none."""
        if self.first.identity:
            return self.second
        if self.second.identity:
            return self.first
        # both truncations leave alone what is followed by nothing but zeros
        cut = isinstance(self.second, Truncation | SumTruncation)
        if not (isinstance(self.first, ZeroPadding) and cut):
            return None
        if self.after >= self.before:
            return ZeroPadding(self.before, self.after)
        return type(self.second)(self.before, self.after)

    @property
    def identity(self):
        """Whether the parts undo each other."""
        return self.whole is not None and self.whole.identity

    @property
    def keeps(self):
        """What the whole keeps, or both parts."""
        return self.first.keeps & self.second.keeps if self.whole is None else self.whole.keeps

    @property
    def norm(self):
        """Of the whole, or the product of both, which bounds it."""
        return self.first.norm * self.second.norm if self.whole is None else self.whole.norm

    @property
    def adjoint(self):
        """The adjoint of the whole, or of the parts in reverse."""
        if self.whole is not None:
            return self.whole.adjoint
        if self.first.adjoint is None or self.second.adjoint is None:
            return None
        return ChainedResize(self.second.adjoint, self.first.adjoint)

    @property
    def undo(self):
        """By the whole, or part by part; `None` where a part has none."""
        if self.whole is not None:
            return self.whole.undo
        if self.first.undo is None or self.second.undo is None:
            return None
        return self._undo_parts

    def _undo_parts(self, y):
        return self.first.undo(self.second.undo(y))

    def __call__(self, x: Float[Array, " d *batch"]):
        """The second part of the first."""
        return self.second(self.first(x))
