"""The role of every vector field."""

import abc
from typing import Any, ClassVar

import equinox as eqx
from jaxtyping import Array

from dynnets._core import Bound, Tag, declared


class AbstractField(eqx.Module):
    """A vector field `x' = f(t, x, args)`; `diffrax.ODETerm` takes it unchanged.

    A subclass defines `structure` and `__call__`. Everything else is optional, and is absent
    (`None`) unless the class offers it under that name, as a method, a property or an attribute:

    - `kick(t, q, args)` is `dp/dt` as a function of the coordinates, `drift(t, p, args)` is
      `dq/dt` as a function of the momenta: what splitting steps need.
    - `flows`: a tuple of exact flows `flow(t, x, h, args)` of parts that sum to the field.
    - `skew(t, x, args)`: the skew matrix `S (d, d)` of a field `S(t, x) x`.
    - `energy`: the `AbstractEnergy` behind the field, and `apply_structure(t, x, g, args)`: the
      field as a function of the gradient `g` of that energy.
    - `matrix`: the constant skew matrix `B (d, d)` of a Poisson field.
    - `lagrangian(t, q, v)` and `force(t, q, v, args)`: of a field that follows from them.
    - `momentum(x)`: the total momentum of the bodies, `(space_dim,)` or `(space_dim, N)`;
      `space_dim`: how many coordinates a body has, 1 by default.
    - `propagate(t, x, h, args)`: the field's own exact flow from `t` to `t + h`.
    - `omega`: the coupling of the two copies of a doubled field, see `TaoField`.
    - `lipschitz`: a Lipschitz constant of the field in the 2-norm; `nu` and `nu_bound`: the same
      for the gradient of a ridge, by singular values and by products alone; `curvature`:
      `(low, high)`, between which all eigenvalues of the negative Jacobian of a gradient field lie.
      All are bounds of the weights as they are, their own rounding included.
    - `input_dim`: the size of the input that `args` brings, 0 for none.
    - `bounds()`: the `Bound`s that the class proves of itself, for certificates.

    Flags say which special form the field has:

    - `features_first`: it takes a batch `(d, N)` as one expression (times are a scalar or `(N,)`).
    - `shear`: its Jacobian is similar to its negative along whole steps, by one involution as for
      a sum of two shears, or as a nonnegative diagonal times one skew matrix.
    - `gradient_flow`: it is `-grad V` of its `energy`.
    - `expansive`: it is `+grad V` of a convex ridge: an Euler step expands by at most `1 + h nu`.
    - `paired`: its bracket pairs `q_i` with `p_i` by a weight, as Tao's doubling needs.
    """

    features_first: ClassVar[bool] = False
    shear: ClassVar[bool] = False
    gradient_flow: ClassVar[bool] = False
    expansive: ClassVar[bool] = False
    paired: ClassVar[bool] = False

    @declared
    def kick(self) -> Any:
        """`kick(t, q, args)`, the rate `dp/dt` as a function of the coordinates."""

    @declared
    def drift(self) -> Any:
        """`drift(t, p, args)`, the rate `dq/dt` as a function of the momenta."""

    @declared
    def flows(self) -> Any:
        """The exact flows `flow(t, x, h, args)` of parts that sum to the field, as a tuple."""

    @declared
    def skew(self) -> Any:
        """`skew(t, x, args)`, the skew matrix `S (d, d)` of a field `S(t, x) x`."""

    @declared
    def energy(self) -> Any:
        """The `AbstractEnergy` behind the field."""

    @declared
    def apply_structure(self) -> Any:
        """`apply_structure(t, x, g, args)`, the field whose energy has the gradient `g`."""

    @declared
    def matrix(self) -> Any:
        """The constant skew matrix `B (d, d)` of a Poisson field."""

    @declared
    def lagrangian(self) -> Any:
        """`lagrangian(t, q, v)`, of a field that follows from it."""

    @declared
    def force(self) -> Any:
        """`force(t, q, v, args)`, what acts besides the Lagrangian."""

    @declared
    def momentum(self) -> Any:
        """`momentum(x)`, the total momentum of the bodies."""

    @declared
    def omega(self) -> Any:
        """The coupling of the two copies of a doubled field."""

    @declared
    def lipschitz(self) -> Any:
        """A Lipschitz constant of the field in the 2-norm."""

    @declared
    def nu(self) -> Any:
        """A Lipschitz constant of the gradient of a ridge, by singular values."""

    @declared
    def nu_bound(self) -> Any:
        """A Lipschitz constant of the gradient of a ridge, by products alone."""

    @declared
    def curvature(self) -> Any:
        """The bounds `(low, high)` of the eigenvalues of the negative Jacobian."""

    @declared
    def input_dim(self) -> int:
        """The size of the input that `args` brings, 0 for none."""
        return 0

    @declared
    def space_dim(self) -> int:
        """How many coordinates a body has, 1 by default."""
        return 1

    @declared
    def propagate(self) -> Any:
        """`propagate(t, x, h, args)`, the field's own exact flow from `t` to `t + h`."""

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the exact flow of the field keeps."""

    @abc.abstractmethod
    def __call__(self, t, x, args=None) -> Array:
        """`f(t, x, args)`, of the shape of `x`: `(d,)`, or features-first `(d, N)`."""

    def bounds(self) -> tuple[Bound, ...]:
        """What the class proves of itself at its present parameters; nothing by default."""
        return ()
