"""The Henon-Heiles system: two coupled oscillators, order and chaos in one potential."""

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic
from ._parameters import Number, check_parameters, check_range
from ._sampling import uniform


class HenonHeilesPotential(AbstractEnergy):
    """`V(x, y) = (x^2 + y^2) / 2 + c (x^2 y - y^3 / 3)`."""

    coupling: Number

    def __call__(self, t, q):
        """`V(q)`."""
        x, y = q
        return (x**2 + y**2) / 2 + self.coupling * (x**2 * y - y**3 / 3)

    def gradient(self, t, q):
        """`(x + 2 c x y, y + c (x^2 - y^2))`."""
        x, y = q
        return jnp.stack([x + 2 * self.coupling * x * y, y + self.coupling * (x**2 - y**2)])


class HenonHeiles(AbstractSystem):
    """`H = |p|^2 / 2 + (x^2 + y^2) / 2 + c (x^2 y - y^3 / 3)`; state `(x, y, p_x, p_y)`.

    Orbits that start inside the triangle around the origin with `H < 1 / (6 c^2)` stay there;
    nearly all are regular at `1 / 12`, most are chaotic at `1 / 6` (`c = 1`). No closed form.

    **Arguments:** `coupling` `c`, positive; `energies`: the range of the energy of sampled
    states, inside `(0, 1 / (6 c^2)]`. Raises `ValueError` outside of these.
    Source: Henon and Heiles, The Astronomical Journal 69, 1964.
    """

    coupling: Number = 1.0
    energies: tuple[Number, Number] = (1 / 12, 1 / 8)

    def __check_init__(self):
        check_parameters(self, "coupling")
        check_range("energies", self.energies, 0.0)
        if isinstance(self.coupling, jax.core.Tracer):
            return
        escape = 1 / (6 * self.coupling**2)
        if self.energies[0] <= 0 or self.energies[1] > escape:
            raise ValueError(
                f"energies must lie in (0, {escape}], where orbits stay bounded, "
                f"got {self.energies}"
            )

    @property
    def dim(self) -> int:
        """4."""
        return 4

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            GivenKinetic((1.0, 1.0)), HenonHeilesPotential(self.coupling)
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 4"]:
        """A state of the bounded region: energy uniform in `energies`, direction uniform.

        Along the ray `r u`, `|u| = 1`, the energy is `r^2 / 2 + c_u r^3` and grows up to the
        edge of the region; its one crossing of `E` there is `1 / r`, the largest root of
        `E s^3 - s / 2 - c_u = 0`, in trigonometric form.
        """
        key_energy, key_ray = jr.split(key)
        energy = uniform(key_energy, self.energies)
        ray = jr.normal(key_ray, (4,))
        ray = ray / jnp.sqrt(jnp.sum(ray**2))
        x, y = ray[0], ray[1]
        cubic = self.coupling * (x**2 * y - y**3 / 3)
        cosine = jnp.clip(3 * cubic * jnp.sqrt(6 * energy), -1.0, 1.0)
        inverse = 2 * jnp.cos(jnp.arccos(cosine) / 3) / jnp.sqrt(6 * energy)
        return ray / inverse
