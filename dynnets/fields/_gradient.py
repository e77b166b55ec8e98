"""Gradient flows: down a potential, down a convex ridge, and up one."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import DISSIPATIVE, NON_EXPANSIVE, assemble, check_size
from dynnets.energies import AbstractEnergy, RidgeEnergy, as_energy, ridge_constant
from dynnets.linear import singular_range
from dynnets.nn import MONOTONE

from ._abstract import AbstractField


def _draw(dim: int, width: int, activation: str, key: PRNGKeyArray) -> RidgeEnergy:
    check_size("dim", dim)
    check_size("width", width)
    weight = jax.nn.initializers.orthogonal()(key, (width, dim))
    return RidgeEnergy(weight, jnp.zeros(width, weight.dtype), activation)


def _given(weight, bias, activation: str) -> RidgeEnergy:
    weight, bias = jnp.asarray(weight), jnp.asarray(bias)
    if weight.ndim != 2 or bias.shape != weight.shape[:1]:
        raise ValueError(
            "weight must have shape (width, dim) and bias (width,), got "
            f"{weight.shape} and {bias.shape}"
        )
    return RidgeEnergy(weight, bias, activation)


class GradientField(AbstractField):
    """`x' = -grad V(x)`: the potential never grows along the flow.

    Preserves: `V` does not grow (DISSIPATIVE), `dV/dt = -|grad V|^2`, for a `V` without explicit
    time. Offers `energy`; cost: one gradient.

    **Arguments:** `energy`: the potential `V` on `(d,)`, an `AbstractEnergy` or a function
    `V(t, x)`.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    features_first: ClassVar[bool] = True
    gradient_flow: ClassVar[bool] = True

    @property
    def structure(self):
        """`{DISSIPATIVE}`; nothing for a potential that depends on time."""
        return frozenset({DISSIPATIVE} if self.energy.autonomous else ())

    def apply_structure(self, t, x, gradient, args=None):
        """`-g`: the field as a function of the gradient `g` of its energy."""
        return -gradient

    def __call__(self, t, x, args=None):
        """`-grad V(t, x)`."""
        return -self.energy.gradient(t, x)


class NonExpansiveField(AbstractField):
    """`x' = -A^T s(A x + b)`, slopes of `s` in `[0, 1]`: two solutions never move apart.

    Preserves: the flow is 1-Lipschitz in the 2-norm (NON_EXPANSIVE), since the field is the
    negative gradient of a convex function, which never grows either (DISSIPATIVE). A step of
    explicit Euler keeps the first for `0 < h <= 2 / nu`, `nu = sup s' |A|^2`. Cost: two products.

    **Arguments:** `dim`, `width`: sizes; `activation`: one of `MONOTONE_ACTIVATIONS`; `key`:
    draws `A` orthogonal (`|A| = 1`), `b = 0`. Raises `ValueError` for other activations, sine
    for instance: a slope below zero breaks the bound whatever its size. Source: Celledoni,
    Murari, Owren, Schoenlieb, Sherry, SIAM J. Sci. Comput. 45, 2023, arXiv:2210.02373; Meunier,
    Delattre, Araujo, Allauzen, ICML 2022, arXiv:2110.12690.
    """

    energy: RidgeEnergy
    features_first: ClassVar[bool] = True
    gradient_flow: ClassVar[bool] = True

    def __init__(self, dim: int, width: int, *, activation: str = "tanh", key: PRNGKeyArray):
        self.energy = _draw(dim, width, activation, key)

    @classmethod
    def from_weights(cls, weight, bias, *, activation: str = "tanh") -> "NonExpansiveField":
        """The field of given weights `A (width, d)` and `b (width,)`; `ValueError` for others."""
        return assemble(cls, energy=_given(weight, bias, activation))

    @property
    def structure(self):
        """`{NON_EXPANSIVE, DISSIPATIVE}`."""
        return frozenset({NON_EXPANSIVE, DISSIPATIVE})

    @property
    def nu(self) -> Array:
        """`sup s' |A|^2` by exact singular values, rounded up: a Lipschitz constant."""
        return ridge_constant(self.energy)

    @property
    def nu_bound(self) -> Array:
        """An upper bound of `nu`, from products alone: at most a tenth above it for `d = 512`."""
        return ridge_constant(self.energy, exact=False)

    @property
    def lipschitz(self) -> Array:
        """`nu`."""
        return self.nu

    @property
    def curvature(self) -> tuple[Array, Array]:
        """`(low, high)`: the eigenvalues of the negative Jacobian lie between them, everywhere.

        `inf s' smin(A)^2` and `sup s' smax(A)^2`; `low > 0`, so that the flow contracts, needs a
        tall `A` and an activation such as `half_relu`. Each is rounded outwards; `high` is `nu`.
        """
        low, _ = singular_range(self.energy.weight)
        down = 1 - 4 * float(jnp.finfo(low.dtype).eps)
        return MONOTONE[self.energy.activation].low * low**2 * down, self.nu

    def apply_structure(self, t, x, gradient, args=None):
        """`-g`: the field as a function of the gradient `g` of its energy."""
        return -gradient

    def __call__(self, t, x, args=None):
        """`-A^T s(A x + b)`."""
        return -self.energy.gradient(t, x)


class ExpansiveField(AbstractField):
    """`x' = A^T s(A x + b)`: uphill on a convex ridge; its Lipschitz constant is known.

    Preserves nothing by itself: an Euler step has the Lipschitz constant `1 + h nu`. Composed
    with contractive steps of factor `q` the map is 1-Lipschitz while `q (1 + h nu) <= 1`, which
    is more expressive than non-expansive layers alone.

    **Arguments:** as `NonExpansiveField`, with weights of its own. Source: as there.

    ```python
    >>> import jax.random as jr
    >>> from dynnets.fields import ExpansiveField
    >>> field = ExpansiveField(2, 4, key=jr.key(0))
    >>> field.expansive, float(field.nu) <= float(field.nu_bound)
    (True, True)

    ```
    """

    ridge: RidgeEnergy
    features_first: ClassVar[bool] = True
    expansive: ClassVar[bool] = True

    def __init__(self, dim: int, width: int, *, activation: str = "tanh", key: PRNGKeyArray):
        self.ridge = _draw(dim, width, activation, key)

    @classmethod
    def from_weights(cls, weight, bias, *, activation: str = "tanh") -> "ExpansiveField":
        """The field of given weights `A (width, d)` and `b (width,)`; `ValueError` for others."""
        return assemble(cls, ridge=_given(weight, bias, activation))

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    @property
    def nu(self) -> Array:
        """`sup s' |A|^2` by exact singular values, rounded up."""
        return ridge_constant(self.ridge)

    @property
    def nu_bound(self) -> Array:
        """An upper bound of `nu`, from products alone: at most a tenth above it for `d = 512`."""
        return ridge_constant(self.ridge, exact=False)

    @property
    def lipschitz(self) -> Array:
        """`nu`."""
        return self.nu

    def __call__(self, t, x, args=None):
        """`A^T s(A x + b)`."""
        return self.ridge.gradient(t, x)
