"""Conservative fields: `J grad H` in its general, separable and mechanical forms."""

from collections.abc import Callable
from typing import ClassVar, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    ENERGY,
    POISSON,
    SYMPLECTIC,
    VOLUME,
    Tag,
    constant_field,
    symplectic_gradient,
)
from dynnets.energies import AbstractEnergy, KineticEnergy, SeparableEnergy, as_energy

from ._abstract import AbstractField
from ._kick_drift import kick_drift_flows

_HAMILTONIAN = frozenset({SYMPLECTIC, VOLUME, ENERGY})


def _tags_of(energy: AbstractEnergy) -> frozenset[Tag]:
    return _HAMILTONIAN if energy.autonomous else _HAMILTONIAN - {ENERGY}


class HamiltonianField(AbstractField):
    """`x' = J grad H(t, x)` for any energy of a canonical state `x = (q, p)`.

    The exact flow preserves the symplectic form, phase-space volume and, when `H` does not
    depend on time, `H` itself. Offers `energy`; cost: one gradient of `H`.

    **Arguments:** `energy`: an `AbstractEnergy` on `(2n,)`, or a function `H(t, x)`.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, ENERGY}`; without ENERGY when `H` depends on time."""
        return _tags_of(self.energy)

    def apply_structure(self, t, x, gradient, args=None):
        """`J g`: the field as a function of the gradient `g` of its energy."""
        return symplectic_gradient(gradient)

    def __call__(self, t, x, args=None):
        """`J grad H(t, x)`."""
        return symplectic_gradient(self.energy.gradient(t, x))


class SeparableHamiltonianField(AbstractField):
    """`q' = grad T(p)`, `p' = -grad V(q)`: the field of `H = T(p) + V(q)`.

    Same structure as `HamiltonianField`; offers `drift`, `kick`, `flows` and `energy`, so explicit
    splitting steps apply.

    **Arguments:** `kinetic`: an energy of `p: (n,)`; `potential`: an energy of `q: (n,)`; or
    functions of `(t, p)` and `(t, q)`.
    """

    kinetic: AbstractEnergy = eqx.field(converter=as_energy)
    potential: AbstractEnergy = eqx.field(converter=as_energy)
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, ENERGY}`; without ENERGY when a part depends on time."""
        return _tags_of(self.energy)

    @property
    def energy(self) -> SeparableEnergy:
        """`T(p) + V(q)`."""
        return SeparableEnergy(self.kinetic, self.potential)

    @property
    def space_dim(self) -> int:
        """How many coordinates a body has: as the potential says."""
        return self.potential.space_dim

    def drift(self, t, p, args=None):
        """`dq/dt = grad T(t, p)`."""
        return self.kinetic.gradient(t, p)

    def kick(self, t, q, args=None):
        """`dp/dt = -grad V(t, q)`."""
        return -self.potential.gradient(t, q)

    @property
    def flows(self):
        """The exact flows of the kick and of the drift: see `kick_drift_flows`."""
        return kick_drift_flows(self)

    @property
    def lagrangian(self):
        """`L(t, q, v) = sum m v^2 / 2 - V(t, q)`, for a `KineticEnergy`; else `None`."""
        return self._lagrangian if isinstance(self.kinetic, KineticEnergy) else None

    def _lagrangian(self, t, q, v):
        mass = cast(KineticEnergy, self.kinetic).mass
        return jnp.sum(mass * v**2) / 2 - self.potential(t, q)

    def apply_structure(self, t, x, gradient, args=None):
        """`J g`: the field as a function of the gradient `g` of its energy."""
        return symplectic_gradient(gradient)

    def __call__(self, t, x, args=None):
        """`(grad T(p), -grad V(q))`."""
        return symplectic_gradient(self.energy.gradient(t, x))


def mechanical_field(mass: Float[Array, " n"], potential: Callable) -> SeparableHamiltonianField:
    """`q' = p / m`, `p' = -grad V(q)`: the field of `H = sum p_i^2 / (2 m_i) + V(q)`.

    **Arguments:** `mass`: positive masses, shape `(n,)`, trainable; `potential`: an energy of
    `q: (n,)`. **Returns** a `SeparableHamiltonianField`.
    """
    return SeparableHamiltonianField(KineticEnergy(mass), potential)


class PoissonField(AbstractField):
    """`x' = B grad H(x)` with a constant skew matrix `B (d, d)` in place of `J`.

    The exact flow preserves the Poisson bracket of `B` and the energy; with `B` invertible
    also volume. **Arguments:** `energy`: on `(d,)`; `matrix`: constant, not trained.
    Raises `ValueError` unless it is skew-symmetric.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    matrix: Float[Array, "d d"] = constant_field()
    features_first: ClassVar[bool] = True

    def __check_init__(self):
        matrix = self.matrix
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"the matrix of a Poisson field is square, got {matrix.shape}")
        if isinstance(matrix, jax.core.Tracer | jax.ShapeDtypeStruct):
            return
        excess = float(jnp.abs(matrix + matrix.T).max())
        if excess > 0:
            raise ValueError(f"the matrix of a Poisson field is skew, got |B + B^T| = {excess}")

    @property
    def structure(self):
        """`{POISSON, VOLUME, ENERGY}` (volume: `div(B grad H) = tr(B S) = 0`, `S` symmetric);
        without ENERGY when `H` depends on time.
        """
        kept = frozenset({POISSON, VOLUME})
        return kept | {ENERGY} if self.energy.autonomous else kept

    def apply_structure(self, t, x, gradient, args=None):
        """`B g`: the field as a function of the gradient `g` of its energy."""
        return jax.lax.stop_gradient(self.matrix) @ gradient

    def __call__(self, t, x, args=None):
        """`B grad H(t, x)`."""
        return self.apply_structure(t, x, self.energy.gradient(t, x))
