"""The harmonic oscillator (a mass on an ideal spring)."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, SpringPotential
from ._parameters import Number, check_parameters, check_range
from ._sampling import ring


class Harmonic(AbstractSystem):
    """`H = p^2 / (2 m) + k q^2 / 2`, angular frequency `sqrt(k / m)`; state `(q, p)`.

    **Arguments:** `stiffness` `k` (N/m) and `mass` `m` (kg), positive; `radius`: the range of
    `|(q, p)|` of sampled states. `Harmonic(stiffness=2.0, mass=0.5)` is `H = q^2 + p^2`, the
    spring of Greydanus et al., Hamiltonian Neural Networks, 2019, arXiv:1906.01563, whose
    radii are the default. Raises `ValueError` for a parameter that is not positive.
    """

    stiffness: Number = 1.0
    mass: Number = 1.0
    radius: tuple[Number, Number] = (0.1, 1.0)

    def __check_init__(self):
        check_parameters(self, "stiffness", "mass")
        check_range("radius", self.radius, 0.0)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, -k q)`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            GivenKinetic((self.mass,)), SpringPotential(self.stiffness)
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """A state of the ring `radius`, every direction alike."""
        return ring(key, self.radius)

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2,)` or `(2, N)` at time zero."""
        q, p = split_phase(x0)
        frequency = (self.stiffness / self.mass) ** 0.5
        cos, sin = jnp.cos(frequency * t), jnp.sin(frequency * t)
        impedance = self.mass * frequency
        return join_phase(q * cos + p / impedance * sin, p * cos - q * impedance * sin)
