"""Any number of bodies under gravity in the plane."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import split_phase
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, Gravity, column
from ._parameters import Number, check_masses, check_parameters
from ._sampling import check_room, scattered


class PlanarNBody(AbstractSystem):
    """`H = sum_i |p_i|^2 / (2 m_i) - G sum_{i<j} m_i m_j / |r_j - r_i|` in the plane.

    State, body by body: `(x_1, y_1, ..., x_n, y_n, px_1, py_1, ..., px_n, py_n)`. No softening.
    Energy, momentum and angular momentum are kept. Cost: `n (n - 1) / 2` distances.

    **Arguments:** `masses` (two at least) and `gravity` `G`, positive; `width`: sampled places
    are uniform in `[-width, width]^2`, at least `separation` from each other; `virial`: kinetic
    over potential energy of sampled states (bound below 1). Raises `ValueError` outside of these
    and for a separation that leaves no room.
    """

    masses: tuple[Number, ...] = (1.0, 1.0, 1.0)
    gravity: Number = 1.0
    width: Number = 2.0
    separation: Number = 0.8
    virial: Number = 0.5

    def __check_init__(self):
        if len(self.masses) < 2:
            raise ValueError(f"masses must hold two values at least, got {self.masses}")
        check_masses("masses", self.masses, len(self.masses))
        check_parameters(self, "gravity", "width", "separation", "virial")
        check_room(len(self.masses), self.width, self.separation)

    @property
    def bodies(self) -> int:
        """`n`."""
        return len(self.masses)

    @property
    def dim(self) -> int:
        """`4 n`."""
        return 4 * self.bodies

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        each = tuple(mass for mass in self.masses for _ in range(2))
        return SeparableHamiltonianField(GivenKinetic(each), Gravity(self.masses, self.gravity, 2))

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """Bodies apart from each other, the centre of mass at rest in the origin.

        Velocities are normal, scaled so that the kinetic energy is `virial` times the size of
        the potential energy.
        """
        key_place, key_speed = jr.split(key)
        places = scattered(key_place, self.bodies, self.width, self.separation)
        masses = column(self.masses, places)
        total = jnp.sum(masses)
        velocities = jr.normal(key_speed, places.shape)
        places = places - jnp.sum(masses * places, axis=0, keepdims=True) / total
        velocities = velocities - jnp.sum(masses * velocities, axis=0, keepdims=True) / total
        heat = jnp.sum(masses * velocities**2) / 2
        depth = -self.field.potential(0.0, places.ravel())
        momenta = jnp.sqrt(self.virial * depth / heat) * masses * velocities
        return jnp.concatenate([places.ravel(), momenta.ravel()])

    def momentum(self, x):
        """Total momentum, shape `(2,)` or `(2, N)`: kept by the flow."""
        p = split_phase(x)[1]
        return jnp.sum(p.reshape((self.bodies, 2) + p.shape[1:]), axis=0)

    def angular_momentum(self, x):
        """`sum_i x_i py_i - y_i px_i`: kept by the flow."""
        q, p = (part.reshape((self.bodies, 2) + part.shape[1:]) for part in split_phase(x))
        return jnp.sum(q[:, 0] * p[:, 1] - q[:, 1] * p[:, 0], axis=0)
