"""The planar double pendulum in canonical momenta: a Hamiltonian that does not separate."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import HamiltonianField

from ._abstract import AbstractSystem
from ._parameters import Number, check_masses, check_parameters, check_range
from ._sampling import uniform


class DoublePendulumEnergy(AbstractEnergy):
    """Kinetic plus potential energy of two point masses on massless rods, zero when hanging.

    `H = [m_2 l_2^2 p_1^2 + (m_1 + m_2) l_1^2 p_2^2 - 2 m_2 l_1 l_2 p_1 p_2 cos(q_1 - q_2)]
    / (2 m_2 l_1^2 l_2^2 (m_1 + m_2 sin^2(q_1 - q_2)))
    + (m_1 + m_2) g l_1 (1 - cos q_1) + m_2 g l_2 (1 - cos q_2)`.
    """

    masses: tuple[Number, Number]
    lengths: tuple[Number, Number]
    gravity: Number

    def _weights(self):
        """Torque scales `(m_1 + m_2) g l_1` and `m_2 g l_2`."""
        (m1, m2), (l1, l2) = self.masses, self.lengths
        return (m1 + m2) * self.gravity * l1, m2 * self.gravity * l2

    def _kinetic(self, x):
        """Numerator, its cross term's factor, denominator, and the bend `q_1 - q_2`."""
        (q1, q2), (p1, p2) = split_phase(x)
        (m1, m2), (l1, l2) = self.masses, self.lengths
        bend, cross = q1 - q2, m2 * l1 * l2
        own = m2 * l2**2 * p1**2 + (m1 + m2) * l1**2 * p2**2
        numerator = own - 2 * cross * p1 * p2 * jnp.cos(bend)
        return numerator, cross, 2 * cross * l1 * l2 * (m1 + m2 * jnp.sin(bend) ** 2), bend

    def __call__(self, t, x):
        """`H(x)` for `x = (q_1, q_2, p_1, p_2)`."""
        numerator, _, denominator, _ = self._kinetic(x)
        first, second = self._weights()
        q1, q2 = x[0], x[1]
        height = 2 * (first * jnp.sin(q1 / 2) ** 2 + second * jnp.sin(q2 / 2) ** 2)
        return numerator / denominator + height

    def gradient(self, t, x):
        """`grad H(x)` in closed form."""
        (q1, q2), (p1, p2) = split_phase(x)
        (m1, m2), (l1, l2) = self.masses, self.lengths
        numerator, cross, denominator, bend = self._kinetic(x)
        first, second = self._weights()
        sin, cos = jnp.sin(bend), jnp.cos(bend)
        steep = 4 * cross * l1 * l2 * m2 * sin * cos  # the denominator's derivative in the bend
        twist = (2 * cross * p1 * p2 * sin - numerator * steep / denominator) / denominator
        rate1 = 2 * (m2 * l2**2 * p1 - cross * p2 * cos) / denominator
        rate2 = 2 * ((m1 + m2) * l1**2 * p2 - cross * p1 * cos) / denominator
        pull1, pull2 = first * jnp.sin(q1), second * jnp.sin(q2)
        return jnp.stack([twist + pull1, pull2 - twist, rate1, rate2])


class DoublePendulum(AbstractSystem):
    """Two point masses on massless rods; state `(q_1, q_2, p_1, p_2)`.

    Both angles are absolute, from the hanging position (rad); `p = M(q) q'` are the canonical
    momenta, see `momenta` and `velocities`. Chaotic at large energies; no closed form.

    **Arguments:** `masses` (kg), `lengths` (m), `gravity` (m/s^2), positive; `angles`, `speeds`:
    the ranges of the sampled angles (rad) and angular velocities (rad/s).
    Raises `ValueError` for a parameter that is not positive.
    """

    masses: tuple[Number, Number] = (1.0, 1.0)
    lengths: tuple[Number, Number] = (1.0, 1.0)
    gravity: Number = 9.8
    angles: tuple[Number, Number] = (-1.5, 1.5)
    speeds: tuple[Number, Number] = (-0.1, 0.1)

    def __check_init__(self):
        check_masses("masses", self.masses, 2)
        check_masses("lengths", self.lengths, 2)
        check_parameters(self, "gravity")
        check_range("angles", self.angles)
        check_range("speeds", self.speeds)

    @property
    def dim(self) -> int:
        """4."""
        return 4

    @property
    def energy(self) -> DoublePendulumEnergy:
        """`H`."""
        return DoublePendulumEnergy(self.masses, self.lengths, self.gravity)

    @property
    def field(self) -> HamiltonianField:
        """`J grad H`; offers `energy`."""
        return HamiltonianField(self.energy)

    def momenta(self, q, velocity):
        """`p = M(q) q'` from angles and angular velocities, each `(2,)` or `(2, N)`."""
        (m1, m2), (l1, l2) = self.masses, self.lengths
        coupling = m2 * l1 * l2 * jnp.cos(q[0] - q[1])
        first = (m1 + m2) * l1**2 * velocity[0] + coupling * velocity[1]
        return jnp.stack([first, m2 * l2**2 * velocity[1] + coupling * velocity[0]])

    def velocities(self, q, p):
        """`q' = dH/dp`, the inverse of `momenta`."""
        return split_phase(self.energy.gradient(0.0, join_phase(q, p)))[1]

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 4"]:
        """Angles and angular velocities uniform in their ranges, returned as `(q, p)`."""
        key_angle, key_speed = jr.split(key)
        q = uniform(key_angle, self.angles, (2,))
        return join_phase(q, self.momenta(q, uniform(key_speed, self.speeds, (2,))))
