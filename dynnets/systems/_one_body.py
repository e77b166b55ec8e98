"""Kepler's problem of one body around a fixed centre, with its closed form and its integrals."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic
from ._kepler import advance_kepler, orbit_energy
from ._parameters import Number, check_parameters
from ._sampling import uniform


class CentralPotential(AbstractEnergy):
    """`V(q) = -k / |q|` of one body."""

    strength: Number

    def __call__(self, t, q):
        """`V(q)`."""
        return -self.strength / jnp.sqrt(jnp.sum(q**2, axis=0))

    def gradient(self, t, q):
        """`k q / |q|^3`."""
        square = jnp.sum(q**2, axis=0, keepdims=True)
        return self.strength * q / (square * jnp.sqrt(square))


class Kepler(AbstractSystem):
    """`H = |p|^2 / 2 - k / |q|` in the plane; state `(x, y, p_x, p_y)`.

    Every bound orbit is an ellipse with the centre in a focus. Energy, angular momentum and the
    Laplace-Runge-Lenz vector are kept; close passes at large eccentricity test an integrator.

    **Arguments:** `eccentricity` of sampled orbits, in `[0, 1)`; `axis`: their semi-major axis,
    `strength` `k`, positive. Raises `ValueError` outside of these.
    """

    eccentricity: Number = 0.6
    axis: Number = 1.0
    strength: Number = 1.0

    def __check_init__(self):
        check_parameters(self, "axis", "strength")
        value = self.eccentricity
        if not isinstance(value, jax.core.Tracer) and not 0 <= value < 1:
            raise ValueError(f"eccentricity must be in [0, 1), a bound orbit, got {value}")

    @property
    def dim(self) -> int:
        """4."""
        return 4

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p, -k q / |q|^3)`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(GivenKinetic((1.0, 1.0)), CentralPotential(self.strength))

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    @property
    def period(self):
        """`2 pi sqrt(a^3 / k)`: the time of one revolution of sampled orbits."""
        return 2 * math.pi * (self.axis**3 / self.strength) ** 0.5

    def perihelion(self) -> Float[Array, " 4"]:
        """The state closest to the centre: `a (1 - e)` on the x-axis, turning counter-clockwise."""
        e = self.eccentricity
        speed = (self.strength / self.axis * (1 + e) / (1 - e)) ** 0.5
        return jnp.array([self.axis * (1 - e), 0.0, 0.0, speed])

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 4"]:
        """An orbit of the given eccentricity and axis: direction and time of passage uniform."""
        key_turn, key_time = jr.split(key)
        angle = uniform(key_turn, (0.0, 2 * jnp.pi))
        place, velocity = split_phase(self.perihelion())
        time = self.period * uniform(key_time, (-0.5, 0.5))
        place, velocity = advance_kepler(time, place, velocity, self.strength)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.array([[cos, -sin], [sin, cos]])
        return join_phase(turn @ place, turn @ velocity)

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (4,)` or `(4, N)` at time zero.

        Valid for bound orbits that do not fall into the centre (negative energy and non-zero
        angular momentum); any other state is an error when it is evaluated.
        """
        if x0.ndim > 1:
            return jax.vmap(self.solution, in_axes=(None, -1), out_axes=-1)(t, x0)
        place, velocity = split_phase(x0)
        unbound = (orbit_energy(place, velocity, self.strength) >= 0) | (
            self.angular_momentum(x0) == 0
        )
        place = eqx.error_if(place, unbound, "the body is not on a bound orbit")
        return join_phase(*advance_kepler(t, place, velocity, self.strength))

    def angular_momentum(self, x):
        """`L = x p_y - y p_x`, kept by the flow; `x: (4,)` or `(4, N)`."""
        return x[0] * x[3] - x[1] * x[2]

    def laplace_runge_lenz(self, x):
        """`A = p x L - k q / |q|`, shape `(2,)` or `(2, N)`: kept by the flow.

        It points to the perihelion and `|A| = k e`.
        """
        q, p = split_phase(x)
        spin = self.angular_momentum(x)
        direction = q / jnp.sqrt(jnp.sum(q**2, axis=0, keepdims=True))
        return jnp.stack([p[1] * spin, -p[0] * spin]) - self.strength * direction
