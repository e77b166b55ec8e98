"""Three bodies under gravity in the plane: disturbed circular motion of a triangle."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, Gravity
from ._parameters import Number, check_masses, check_not_negative, check_parameters, check_range
from ._sampling import uniform


class ThreeBody(AbstractSystem):
    """`H = sum_i |p_i|^2 / (2 m_i) - G sum_{i<j} m_i m_j / |r_j - r_i|` in the plane.

    State, body by body: `(x_1, y_1, ..., x_3, y_3, px_1, py_1, ..., px_3, py_3)`. No softening,
    each pair counts once. Chaotic; no closed form but Lagrange's triangle (`velocity_noise` 0).

    **Arguments:** `masses` (three) and `gravity` `G`, positive; `radius`: the range of the
    circle through the bodies of sampled states; `velocity_noise`: half-width of the uniform
    factor on each component of the velocities. The defaults are those of Greydanus et al.,
    Hamiltonian Neural Networks, 2019, arXiv:1906.01563. Raises `ValueError` outside of these.
    """

    masses: tuple[Number, Number, Number] = (1.0, 1.0, 1.0)
    gravity: Number = 1.0
    radius: tuple[Number, Number] = (0.9, 1.2)
    velocity_noise: Number = 0.2

    def __check_init__(self):
        check_masses("masses", self.masses, 3)
        check_parameters(self, "gravity")
        check_range("radius", self.radius, 0.0)
        check_not_negative(self, "velocity_noise")

    @property
    def dim(self) -> int:
        """12."""
        return 12

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        each = tuple(mass for mass in self.masses for _ in range(2))
        return SeparableHamiltonianField(GivenKinetic(each), Gravity(self.masses, self.gravity, 2))

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 12"]:
        """An equilateral triangle about the centre of mass, turning as Lagrange's solution.

        Size and direction are uniform. Each velocity component is then multiplied by
        `1 + velocity_noise * uniform(-1, 1)`, so the total momentum is not exactly zero.
        """
        key_size, key_angle, key_noise = jr.split(key, 3)
        size = uniform(key_size, self.radius)
        angle = uniform(key_angle, (0.0, 2 * jnp.pi))
        angles = angle + 2 * jnp.pi / 3 * jnp.arange(3, dtype=size.dtype)
        places = size * jnp.stack([jnp.cos(angles), jnp.sin(angles)], axis=1)
        masses = jnp.asarray(self.masses, size.dtype)[:, None]
        places = places - jnp.sum(masses * places, axis=0, keepdims=True) / jnp.sum(masses)
        turn = jnp.sqrt(self.gravity * jnp.sum(masses) / (3**0.5 * size) ** 3)
        velocities = turn * jnp.stack([-places[:, 1], places[:, 0]], axis=1)
        noise = self.velocity_noise * uniform(key_noise, (-1.0, 1.0), (3, 2))
        return jnp.concatenate([places.ravel(), (masses * velocities * (1 + noise)).ravel()])
