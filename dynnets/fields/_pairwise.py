"""Bodies that act on each other in pairs: one law summed over all pairs, learned masses.

A position vector is body by body: `q = (x_1, y_1, z_1, x_2, ...)`, shape `(bodies * space_dim,)`,
or features-first `(bodies * space_dim, N)`.
"""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    ENERGY,
    MOMENTUM,
    POISSON,
    VOLUME,
    join_phase,
    split_phase,
    symplectic_gradient,
)
from dynnets.energies import KineticEnergy, PairwiseEnergy, PairwisePotential, weighted_by_mass

from ._abstract import AbstractField
from ._bounds import energy_bounds
from ._hamiltonian import SeparableHamiltonianField
from ._kick_drift import kick_drift_flows


class PairwiseField(AbstractField):
    """`q' = v`, `m_i v_i' = -dV/dr_i`: N bodies on states of positions and *velocities*.

    The Hamiltonian system of `H = sum_i |p_i|^2 / (2 m_i) + V(q)` with the momenta `p = m v`
    eliminated, since velocities are what is measured while the masses are unknown. Its exact
    flow preserves the energy, total momentum, phase-space volume and the Poisson bracket of
    `matrix`, which is the canonical one in `(q, m v)`; `canonical` is that Hamiltonian field.
    Offers `kick`, `drift`, `flows` and `energy`: splitting steps give the same positions in both
    forms.

    **Arguments:** `potential`: a `PairwisePotential`. Cost: one gradient of it.
    """

    potential: PairwisePotential
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{POISSON, VOLUME, ENERGY, MOMENTUM}`."""
        return frozenset({POISSON, VOLUME, ENERGY, MOMENTUM})

    @property
    def energy(self) -> PairwiseEnergy:
        """Kinetic and potential energy on `(q, v)`."""
        return PairwiseEnergy(self.potential)

    @property
    def canonical(self) -> SeparableHamiltonianField:
        """The same system on canonical states `(q, p)`, `p = m v`."""
        return SeparableHamiltonianField(
            KineticEnergy(self.potential.mass_per_coordinate()), self.potential
        )

    @property
    def matrix(self) -> Float[Array, "d d"]:
        """`[[0, 1/m], [-1/m, 0]]`: the field is `matrix @ grad E`."""
        inverse = jnp.diag(1 / self.potential.mass_per_coordinate())
        zero = jnp.zeros_like(inverse)
        return jnp.block([[zero, inverse], [-inverse, zero]])

    def momentum(self, x):
        """Total momentum `sum_i m_i v_i`, shape `(space_dim,)` or `(space_dim, N)`."""
        weighted = weighted_by_mass(self.potential, split_phase(x)[1])
        shape = (self.potential.bodies, self.potential.space_dim, *weighted.shape[1:])
        return jnp.sum(weighted.reshape(shape), axis=0)

    def drift(self, t, v, args=None):
        """`dq/dt = v`."""
        return v

    def kick(self, t, q, args=None):
        """`dv/dt = -grad V(q) / m`."""
        mass = self.potential.mass_per_coordinate()
        return -self.potential.gradient(t, q) / mass.reshape(mass.shape + (1,) * (q.ndim - 1))

    @property
    def flows(self):
        """The exact flows of the kick and of the drift: see `kick_drift_flows`."""
        return kick_drift_flows(self)

    def apply_structure(self, t, x, gradient, args=None):
        """`(g_v / m, -g_q / m)`: the field as a function of the gradient `g` of its energy."""
        mass = self.potential.mass_per_coordinate()
        return symplectic_gradient(gradient) / jnp.concatenate([mass, mass]).reshape(
            gradient.shape[:1] + (1,) * (gradient.ndim - 1)
        )

    def __call__(self, t, x, args=None):
        """`(v, -grad V(q) / m)`."""
        q, v = split_phase(x)
        return join_phase(v, self.kick(t, q, args))

    def bounds(self):
        """That the masses are positive, and what else the energy proves."""
        return energy_bounds(self.energy)
