"""Fields tangential to spheres: `x' = S(x) x` with `S` skew, in three parametrisations."""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import NORM, VOLUME, check_size
from dynnets.energies import HalfSquareEnergy
from dynnets.linear import low_rank_skew, low_rank_skew_product, skew_from_entries, skew_size
from dynnets.nn import MLP

from ._abstract import AbstractField


class AbstractSkewField(AbstractField):
    """`x' = S(x) x` as `S grad H` with `H(x) = |x|^2 / 2`: what the fields with a `skew` share."""

    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{NORM}`."""
        return frozenset({NORM})

    @property
    def energy(self) -> HalfSquareEnergy:
        """`|x|^2 / 2`."""
        return HalfSquareEnergy()

    @abc.abstractmethod
    def skew(self, t, x, args=None) -> Float[Array, "d d *batch"]:
        """`S(x)`."""

    def apply_structure(self, t, x, gradient, args=None):
        """`S(x) g`: the field as a function of the gradient `g` of `energy`."""
        return jnp.sum(self.skew(t, x, args) * gradient[None], axis=1)

    def __call__(self, t, x, args=None):
        """`S(x) x`."""
        return self.apply_structure(t, x, x, args)


class SphereField(AbstractSkewField):
    """`x' = S(x) x`, `S` a skew matrix whose entries are a net of the state.

    Preserves: the Euclidean norm, `d|x|^2/dt = 2 x^T S x = 0`. Every smooth field tangential to
    the spheres about the origin has this form away from it. Offers `skew`, for Cayley and
    Lie-group steps, and `energy = |x|^2 / 2` with `apply_structure`, for discrete gradients
    (which here are the implicit midpoint rule). Cost: one net with `d (d - 1) / 2` outputs and
    `d^2`.

    **Arguments:** `dim`: at least 2; `width`, `depth`, `activation`, `key`: the arguments of the
    net, as `MLP`. Source: Celledoni, Murari, Owren, Schoenlieb, Sherry, SIAM J. Sci. Comput. 45,
    2023.
    """

    net: MLP

    def __init__(
        self, dim: int, width: int, depth: int, *, activation: str = "tanh", key: PRNGKeyArray
    ):
        check_size("dim", dim, 2)
        self.net = MLP(dim, skew_size(dim), width, depth, activation=activation, key=key)

    def skew(self, t, x, args=None) -> Float[Array, "d d *batch"]:
        """`S(x)`."""
        return skew_from_entries(self.net(x), x.shape[0])


class LowRankSphereField(AbstractSkewField):
    """`x' = (U V^T - V U^T) x` with factors `U(x), V(x) (d, r)`: a sphere field at the cost `d r`.

    Preserves: the Euclidean norm. Offers what `SphereField` does, and `factors` for steps that
    solve with the `2 r x 2 r` matrix instead.

    **Arguments:** `dim`: at least 2; `rank`: `r`; the others as `SphereField`.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.fields import LowRankSphereField
    >>> field, x = LowRankSphereField(3, 1, 4, 1, key=jr.key(0)), jnp.array([1.0, 2.0, 3.0])
    >>> bool(jnp.abs(x @ field(0.0, x)) < 1e-5)  # |x| stays
    True

    ```
    """

    net: MLP
    rank: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        rank: int,
        width: int,
        depth: int,
        *,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_size("dim", dim, 2)
        check_size("rank", rank)
        self.net = MLP(dim, 2 * dim * rank, width, depth, activation=activation, key=key)
        self.rank = rank

    def factors(self, t, x, args=None) -> tuple[Array, Array]:
        """`(U, V)`, each `(d, r, ...)`."""
        both = self.net(x).reshape((2, x.shape[0], self.rank) + x.shape[1:])
        return both[0], both[1]

    def skew(self, t, x, args=None) -> Float[Array, "d d *batch"]:
        """`U V^T - V U^T`."""
        return low_rank_skew(*self.factors(t, x, args))

    def apply_structure(self, t, x, gradient, args=None):
        """`U (V^T g) - V (U^T g)`."""
        return low_rank_skew_product(*self.factors(t, x, args), gradient)


class RotationField(AbstractField):
    """Rotations in coordinate planes, at rates that depend on the radii in them.

    The sum of two fields: one turns the planes of components `(0, 1), (2, 3), ...`, the other
    those of `(1, 2), (3, 4), ..., (d - 1, 0)`. The rates of each are a net of its squared radii
    (and of the component left over when `d` is odd), which the rotation does not change: its
    flow is a rotation by `h` times the rates, exact for every `h`, offered in `flows`.
    Preserves: the Euclidean norm and volume; steps over `flows` keep both exactly and invert
    exactly. Cost of a flow: one net with `d / 2` outputs, and `d`.

    **Arguments:** `dim`: at least 2; `width`, `depth`, `activation`, `key`: the arguments of both
    nets, as `MLP`. In two dimensions the two fields turn the same plane.
    """

    nets: tuple[MLP, MLP]
    features_first: ClassVar[bool] = True

    def __init__(
        self, dim: int, width: int, depth: int, *, activation: str = "tanh", key: PRNGKeyArray
    ):
        check_size("dim", dim, 2)
        sizes = (dim - dim // 2, dim // 2, width, depth)
        first, second = (MLP(*sizes, activation=activation, key=k) for k in jr.split(key))
        self.nets = first, second

    @property
    def structure(self):
        """`{NORM, VOLUME}`."""
        return frozenset({NORM, VOLUME})

    def _planes(self, part, x):
        """The two components of every plane, what is left over, and the rates of rotation."""
        x = jnp.roll(x, -part, axis=0)
        pairs = x.shape[0] // 2
        a, b, rest = x[: 2 * pairs : 2], x[1 : 2 * pairs : 2], x[2 * pairs :]
        rates = self.nets[part](jnp.concatenate([a * a + b * b, rest]))
        return a, b, rest, rates

    def _join(self, part, a, b, rest):
        planes = jnp.stack([a, b], axis=1).reshape((-1,) + a.shape[1:])
        return jnp.roll(jnp.concatenate([planes, rest]), part, axis=0)

    def __call__(self, t, x, args=None):
        """The sum of both rotations' rates."""
        total = jnp.zeros_like(x)
        for part in (0, 1):
            a, b, rest, rates = self._planes(part, x)
            total = total + self._join(part, -rates * b, rates * a, jnp.zeros_like(rest))
        return total

    def _turn(self, part, x, h):
        a, b, rest, rates = self._planes(part, x)
        cos, sin = jnp.cos(h * rates), jnp.sin(h * rates)
        return self._join(part, cos * a - sin * b, sin * a + cos * b, rest)

    @property
    def flows(self):
        """The exact flows of both fields, `flow(t, x, h, args=None)`."""
        return self._turn_even, self._turn_odd

    def _turn_even(self, t, x, h, args=None):
        return self._turn(0, x, h)

    def _turn_odd(self, t, x, h, args=None):
        return self._turn(1, x, h)
