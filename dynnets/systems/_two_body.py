"""Two bodies under gravity in the plane, with Kepler's closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, Gravity
from ._kepler import advance_kepler, orbit_energy
from ._parameters import Number, check_masses, check_not_negative, check_parameters, check_range
from ._sampling import uniform


class TwoBody(AbstractSystem):
    """`H = |p_1|^2 / (2 m_1) + |p_2|^2 / (2 m_2) - G m_1 m_2 / |r_2 - r_1|` in the plane.

    State, body by body: `(x_1, y_1, x_2, y_2, px_1, py_1, px_2, py_2)`. No softening. (The
    code of Greydanus et al. orders its columns `x_1, x_2, y_1, y_2, ...`.)

    **Arguments:** `masses` (two) and `gravity` `G`, positive; `coordinates`: the range of both
    coordinates of body 1 of sampled states, measured from the centre of mass; `orbit_noise`:
    standard deviation of the factor on the circular speed. The defaults are the near-circular
    orbits of Greydanus et al., Hamiltonian Neural Networks, 2019, arXiv:1906.01563 (body 1
    between 0.71 and 2.12 from the centre). Raises `ValueError` outside of these.
    """

    masses: tuple[Number, Number] = (1.0, 1.0)
    gravity: Number = 1.0
    coordinates: tuple[Number, Number] = (0.5, 1.5)
    orbit_noise: Number = 0.05

    def __check_init__(self):
        check_masses("masses", self.masses, 2)
        check_parameters(self, "gravity")
        check_range("coordinates", self.coordinates, 0.0)
        check_not_negative(self, "orbit_noise")

    @property
    def dim(self) -> int:
        """8."""
        return 8

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        m1, m2 = self.masses
        return SeparableHamiltonianField(
            GivenKinetic((m1, m1, m2, m2)), Gravity(self.masses, self.gravity, 2)
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 8"]:
        """A near-circular orbit around the centre of mass, which rests at the origin.

        Body 1 is uniform in the square `coordinates`, body 2 opposite; both turn
        counter-clockwise at the circular speed times `1 + orbit_noise * normal`.
        """
        key_place, key_speed = jr.split(key)
        m1, m2 = self.masses
        place = uniform(key_place, self.coordinates, (2,))
        apart = (1 + m1 / m2) * jnp.sqrt(jnp.sum(place**2))
        turn = jnp.sqrt(self.gravity * (m1 + m2) / apart**3)
        push = m1 * turn * (1 + self.orbit_noise * jr.normal(key_speed))
        momentum = push * jnp.stack([-place[1], place[0]])
        return jnp.concatenate([place, -m1 / m2 * place, momentum, -momentum])

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (8,)` or `(8, N)` at time zero.

        The centre of mass moves on a line; the separation follows Kepler's ellipse. Valid for
        bound orbits that do not fall through each other (negative energy and non-zero angular
        momentum of the relative motion); any other state is an error when it is evaluated.
        """
        if x0.ndim > 1:
            return jax.vmap(self.solution, in_axes=(None, -1), out_axes=-1)(t, x0)
        m1, m2 = self.masses
        total, strength = m1 + m2, self.gravity * (m1 + m2)
        q, p = (part.reshape(2, 2) for part in split_phase(x0))
        centre, drift = (m1 * q[0] + m2 * q[1]) / total, (p[0] + p[1]) / total
        place, velocity = q[1] - q[0], p[1] / m2 - p[0] / m1
        spin = place[0] * velocity[1] - place[1] * velocity[0]
        unbound = (orbit_energy(place, velocity, strength) >= 0) | (spin == 0)
        place = eqx.error_if(place, unbound, "the two bodies are not on a bound orbit")
        place, velocity = advance_kepler(t, place, velocity, strength)
        centre, reduced = centre + t * drift, m1 * m2 / total
        return join_phase(
            jnp.concatenate([centre - m2 / total * place, centre + m1 / total * place]),
            jnp.concatenate([m1 * drift - reduced * velocity, m2 * drift + reduced * velocity]),
        )
