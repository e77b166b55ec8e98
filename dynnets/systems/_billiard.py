"""A ball that bounces in a box under gravity, with its closed form."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_phase_dim
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import Walls

from ._abstract import AbstractSystem
from ._energies import GivenKinetic
from ._parameters import Number, check_parameters
from ._sampling import uniform


class WeightPotential(AbstractEnergy):
    """`V(x, y) = m g y`."""

    weight: Number

    def __call__(self, t, q):
        """`V(q)`."""
        return self.weight * q[1]

    def gradient(self, t, q):
        """`(0, m g)`."""
        return jnp.stack([jnp.zeros_like(q[0]), self.weight * jnp.ones_like(q[1])])


class Billiard(AbstractSystem):
    """`H = |p|^2 / (2 m) + m g y` in the box `[0, width] x [0, height]`, rebounds elastic.

    State `(x, y, p_x, p_y)`; `y` points up. `field` is that between two impacts: roll it out by
    `Rebound(verlet_kdk, system.walls, most=3)`, which is exact here, or take `solution`. A solver
    that does not know the walls flies through them.

    **Arguments:** `gravity` `g` (m/s^2), `mass` `m` (kg), `width`, `height` (m); `speed`: bound on
    each component of the velocity (m/s) of sampled states. Raises `ValueError` for a number that
    is not positive.
    Source: the bouncing ball of Chen, Zhang, Arjovsky, Bottou, Symplectic Recurrent Neural
    Networks, 2020, arXiv:1909.13334.
    """

    gravity: Number = 1.0
    mass: Number = 1.0
    width: Number = 1.0
    height: Number = 1.0
    speed: Number = 1.0

    def __check_init__(self):
        check_parameters(self, "gravity", "mass", "width", "height", "speed")

    @property
    def dim(self) -> int:
        """4."""
        return 4

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, (0, -m g))`, between impacts; offers `kick`, `drift`, `energy`."""
        weight = self.mass * self.gravity
        return SeparableHamiltonianField(GivenKinetic((self.mass,)), WeightPotential(weight))

    @property
    def energy(self):
        """`H`, which impacts do not change."""
        return self.field.energy

    @property
    def walls(self) -> Walls:
        """The four sides of the box as an event for `Rebound`."""
        normals = jnp.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        return Walls(normals, jnp.array([self.width, 0.0, self.height, 0.0]))

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 4"]:
        """Uniform in the box, each component of the velocity uniform in `[-speed, speed]`."""
        place_key, motion_key = jr.split(key)
        place = uniform(place_key, (0.0, 1.0), (2,))
        motion = self.mass * uniform(motion_key, (-self.speed, self.speed), (2,))
        return jnp.concatenate([place * jnp.array([self.width, self.height]), motion])

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (4,)` or `(4, N)` at time zero.

        Both coordinates are periodic: `x` is a folded straight line, `y` flies up for a time
        `rise` (to the ceiling, or to its highest point) and back.
        """
        check_phase_dim("x0", x0.shape[0])
        x, y, u, v = x0[0], x0[1], x0[2] / self.mass, x0[3] / self.mass
        far = jnp.mod(x + u * t, 2 * self.width)
        back = far > self.width
        x, u = jnp.where(back, 2 * self.width - far, far), jnp.where(back, -u, u)
        at_floor, rise, phase = self._vertical(y, v)
        phase = jnp.mod(phase + t, jnp.where(rise > 0, 2 * rise, 1))
        falling = phase > rise
        phase = jnp.where(falling, 2 * rise - phase, phase)
        y, v = (at_floor - self.gravity * phase / 2) * phase, at_floor - self.gravity * phase
        return jnp.stack([x, y, self.mass * u, self.mass * jnp.where(falling, -v, v)])

    def _vertical(self, y, v):
        """Speed at the floor, time from floor to top, and time since the last floor impact."""
        at_floor = jnp.sqrt(v**2 + 2 * self.gravity * y)
        left = at_floor**2 - 2 * self.gravity * self.height
        meets = left > 0
        top = jnp.where(meets, jnp.sqrt(jnp.where(meets, left, 1)), 0)
        climbed = jnp.where(meets, self.height, at_floor**2 / (2 * self.gravity))
        # a height over the mean speed: no difference of speeds that nearly cancel
        rise = _over(2 * climbed, at_floor + top)
        phase = _over(2 * y, at_floor + jnp.abs(v))
        return at_floor, rise, jnp.where(v < 0, 2 * rise - phase, phase)

    def time_to_impact(self, x) -> Array:
        """Time until the next wall is met, from `x: (4,)` or `(4, N)`; a scalar or `(N,)`."""
        place, y, u, v = x[0], x[1], x[2] / self.mass, x[3] / self.mass
        side = _over(jnp.where(u > 0, self.width - place, place), jnp.abs(u))
        at_floor, rise, phase = self._vertical(y, v)
        meets = at_floor**2 > 2 * self.gravity * self.height
        floor_or_ceiling = jnp.where(meets & (phase < rise), rise - phase, 2 * rise - phase)
        return jnp.minimum(jnp.where(u == 0, jnp.inf, side), floor_or_ceiling)


def _over(distance, speed):
    return distance / jnp.where(speed == 0, 1, speed)
