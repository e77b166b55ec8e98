"""A charged particle in the plane across a magnetic field that may vary with the distance."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import ENERGY, VOLUME, join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField, HamiltonianField

from ._abstract import AbstractSystem
from ._parameters import Number, check_not_negative, check_parameters, check_range
from ._sampling import ring


class _Fields(AbstractEnergy):
    """The electric potential `c / r`, and the magnetic field `B r^k` beside it."""

    magnetic: Number
    growth: Number
    electric: Number

    def __call__(self, t, q):
        """`c / r`."""
        return self.electric / jnp.sqrt(jnp.sum(q**2, axis=0))

    def gradient(self, t, q):
        """`-c q / r^3`."""
        square = jnp.sum(q**2, axis=0, keepdims=True)
        return -self.electric * q / (square * jnp.sqrt(square))

    def strength(self, q):
        """`B r^k`, the magnetic field's component across the plane."""
        return self.magnetic * jnp.sum(q**2, axis=0) ** (self.growth / 2)

    def vector_potential(self, q):
        """`g (-y, x)` with `g = B r^k / (k + 2)`."""
        rate = self.strength(q) / (self.growth + 2)
        return jnp.stack([-rate * q[1], rate * q[0]])


class ParticleEnergy(AbstractEnergy):
    """`E = |v|^2 / 2 + c / r` on `(q, v)`: the magnetic field does no work."""

    fields: _Fields

    def __call__(self, t, x):
        """`E`."""
        q, v = split_phase(x)
        return jnp.sum(v**2, axis=0) / 2 + self.fields(t, q)

    def gradient(self, t, x):
        """`(-c q / r^3, v)`."""
        q, v = split_phase(x)
        return join_phase(self.fields.gradient(t, q), v)


class CanonicalParticleEnergy(AbstractEnergy):
    """`H = |p - A(q)|^2 / 2 + c / r` on `(q, p)`, `A` the vector potential: does not separate."""

    fields: _Fields

    def __call__(self, t, x):
        """`H`."""
        q, p = split_phase(x)
        return jnp.sum((p - self.fields.vector_potential(q)) ** 2, axis=0) / 2 + self.fields(t, q)

    def gradient(self, t, x):
        """`(-A'(q)^T w - c q / r^3, w)` with the velocity `w = p - A(q)`."""
        q, p = split_phase(x)
        velocity = p - self.fields.vector_potential(q)
        rate = self.fields.strength(q) / (self.fields.growth + 2)
        spin = q[0] * velocity[1] - q[1] * velocity[0]
        steep = self.fields.growth * rate / jnp.sum(q**2, axis=0) * spin
        pull = [rate * velocity[1] + steep * q[0], steep * q[1] - rate * velocity[0]]
        return join_phase(self.fields.gradient(t, q) - jnp.stack(pull), velocity)


class ChargedParticleField(AbstractField):
    """`q' = v`, `v' = c q / r^3 + B r^k (v_y, -v_x)`: Lorentz's force on states `(q, v)`.

    The exact flow keeps energy and volume. Offers `energy` and `flows`: drift, electric kick
    and turn of the velocity, each exact and volume-preserving; their symmetric composition is a
    Boris-like step (not symplectic: the drift alone is no Hamiltonian flow across a field).

    **Arguments:** `magnetic` `B`, `growth` `k`, `electric` `c`: as in `ChargedParticle`.
    """

    magnetic: Number
    growth: Number
    electric: Number
    features_first: ClassVar[bool] = True

    @property
    def _fields(self) -> _Fields:
        return _Fields(self.magnetic, self.growth, self.electric)

    @property
    def structure(self):
        """`{VOLUME, ENERGY}`."""
        return frozenset({VOLUME, ENERGY})

    @property
    def energy(self) -> ParticleEnergy:
        """`|v|^2 / 2 + c / r`."""
        return ParticleEnergy(self._fields)

    @property
    def flows(self) -> tuple:
        """Exact flows of `q' = v`, of the electric and of the magnetic force."""
        return self._drift, self._kick, self._turn

    def _drift(self, t, x, h, args=None):
        q, v = split_phase(x)
        return join_phase(q + h * v, v)

    def _kick(self, t, x, h, args=None):
        q, v = split_phase(x)
        return join_phase(q, v - h * self._fields.gradient(t, q))

    def _turn(self, t, x, h, args=None):
        q, v = split_phase(x)
        angle = h * self._fields.strength(q)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        return join_phase(q, jnp.stack([cos * v[0] + sin * v[1], cos * v[1] - sin * v[0]]))

    def __call__(self, t, x, args=None):
        """`(v, c q / r^3 + B r^k (v_y, -v_x))`."""
        q, v = split_phase(x)
        strength = self._fields.strength(q)
        across = jnp.stack([strength * v[1], -strength * v[0]])
        return join_phase(v, across - self._fields.gradient(t, q))


class ChargedParticle(AbstractSystem):
    """Unit mass and charge in the plane, `B r^k` across it and the electric potential `c / r`.

    State `(x, y, v_x, v_y)`; `canonical` is the same motion on `(q, p)`, `p = v + A(q)`, a
    Hamiltonian that does not separate. Kept: the energy and `angular_momentum`. The particle
    gyrates fast around a centre that drifts slowly.

    **Arguments:** `magnetic` `B`, positive; `growth` `k` (0: uniform) and `electric` `c`, not
    negative; `radius`, `speed`: the ranges of `|q|` and `|v|` of sampled states. The defaults
    are the fields of Qin et al., Why is Boris algorithm so good?, Physics of Plasmas 20, 2013.
    Raises `ValueError` outside of these.
    """

    magnetic: Number = 1.0
    growth: Number = 1.0
    electric: Number = 0.01
    radius: tuple[Number, Number] = (0.8, 1.2)
    speed: tuple[Number, Number] = (0.05, 0.2)

    def __check_init__(self):
        check_parameters(self, "magnetic")
        check_not_negative(self, "growth", "electric")
        check_range("radius", self.radius, 0.0)
        check_range("speed", self.speed, 0.0)
        if not isinstance(self.radius[0], jax.core.Tracer) and not 0 < self.radius[0] < math.inf:
            raise ValueError(f"radius must keep away from the centre, got {self.radius}")

    @property
    def dim(self) -> int:
        """4."""
        return 4

    @property
    def _fields(self) -> _Fields:
        return _Fields(self.magnetic, self.growth, self.electric)

    @property
    def energy(self) -> ParticleEnergy:
        """`|v|^2 / 2 + c / r` on `(q, v)`."""
        return ParticleEnergy(self._fields)

    @property
    def field(self) -> ChargedParticleField:
        """Lorentz's force on `(q, v)`; offers `energy`, `flows`."""
        return ChargedParticleField(self.magnetic, self.growth, self.electric)

    @property
    def canonical(self) -> HamiltonianField:
        """The same motion on canonical states `(q, p)`; offers `energy`."""
        return HamiltonianField(CanonicalParticleEnergy(self._fields))

    def momenta(self, x):
        """`(q, p)` with `p = v + A(q)` of a state `(q, v)`."""
        q, v = split_phase(x)
        return join_phase(q, v + self._fields.vector_potential(q))

    def velocities(self, x):
        """`(q, v)` of a canonical state `(q, p)`: the inverse of `momenta`."""
        q, p = split_phase(x)
        return join_phase(q, p - self._fields.vector_potential(q))

    def angular_momentum(self, x):
        """`x p_y - y p_x` of a state `(q, v)`: kept by the flow."""
        q, p = split_phase(self.momenta(x))
        return q[0] * p[1] - q[1] * p[0]

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 4"]:
        """Place and velocity of any direction, their lengths uniform in their ranges."""
        key_place, key_speed = jr.split(key)
        return join_phase(ring(key_place, self.radius), ring(key_speed, self.speed))
