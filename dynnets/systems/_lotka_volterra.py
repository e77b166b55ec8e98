"""Prey and predators: canonical in the logarithms of the populations."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import ENERGY
from dynnets.energies import AbstractEnergy, SeparableEnergy
from dynnets.fields import AbstractField, SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._parameters import Number, check_parameters, check_range
from ._sampling import uniform


class Balance(AbstractEnergy):
    """`E(s) = a s - b e^s` of one logarithm: its own growth against what the other kind takes."""

    rate: Number
    contact: Number

    def __call__(self, t, s):
        """`a s - b e^s`."""
        return jnp.sum(self.rate * s - self.contact * jnp.exp(s), axis=0)

    def gradient(self, t, s):
        """`a - b e^s`."""
        return self.rate - self.contact * jnp.exp(s)


class PopulationEnergy(AbstractEnergy):
    """`H(log u, log v) = a log v - b v + c log u - d u` of the populations `(u, v)`."""

    canonical: SeparableEnergy

    def __call__(self, t, x):
        """`H`."""
        return self.canonical(t, jnp.log(x))

    def gradient(self, t, x):
        """`grad H / (u, v)` by the chain rule."""
        return self.canonical.gradient(t, jnp.log(x)) / x


class PopulationField(AbstractField):
    """`u' = u (a - b v)`, `v' = v (d u - c)`: Lotka and Volterra's equations themselves.

    `x' = u v J grad H`: a Poisson structure that is not constant, so of the flow's structure only
    the energy has a tag. **Arguments:** the four rates, as in `LotkaVolterra`.
    """

    growth: Number
    capture: Number
    death: Number
    gain: Number
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{ENERGY}`."""
        return frozenset({ENERGY})

    @property
    def energy(self) -> PopulationEnergy:
        """`H` on positive populations."""
        return PopulationEnergy(
            SeparableEnergy(Balance(self.growth, self.capture), Balance(self.death, self.gain))
        )

    def __call__(self, t, x, args=None):
        """`(u (a - b v), v (d u - c))`."""
        u, v = x
        return jnp.stack([u * (self.growth - self.capture * v), v * (self.gain * u - self.death)])


class LotkaVolterra(AbstractSystem):
    """`u' = u (a - b v)`, `v' = v (d u - c)` in `q = log u` (prey), `p = log v` (predators).

    There the equations are canonical and separable, `H = a p - b e^p + c q - d e^q`; the state
    is `(q, p)`. Populations themselves obey `population_field`, whose Poisson structure
    is not constant. All orbits are closed around `equilibrium`.

    **Arguments:** `growth` `a`, `capture` `b`, `death` `c`, `gain` `d`, positive; `box`: the
    range of both logarithms of sampled states. The defaults are `H = p - e^p + 2 q - e^q` of
    Tong et al., Symplectic neural networks in Taylor series form, 2021, arXiv:2005.04986.
    Raises `ValueError` for a rate that is not positive.
    """

    growth: Number = 1.0
    capture: Number = 1.0
    death: Number = 2.0
    gain: Number = 1.0
    box: tuple[Number, Number] = (-2.0, 2.0)

    def __check_init__(self):
        check_parameters(self, "growth", "capture", "death", "gain")
        check_range("box", self.box)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(a - b e^p, d e^q - c)`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            Balance(self.growth, self.capture), Balance(self.death, self.gain)
        )

    @property
    def energy(self):
        """`H`; greatest at the equilibrium."""
        return self.field.energy

    @property
    def population_field(self) -> PopulationField:
        """The same motion as rates of the populations `(u, v)`."""
        return PopulationField(self.growth, self.capture, self.death, self.gain)

    def populations(self, x):
        """`(u, v) = exp(q, p)`."""
        return jnp.exp(x)

    def logarithms(self, populations):
        """`(q, p)` of positive populations: the inverse of `populations`."""
        return jnp.log(populations)

    def equilibrium(self) -> Float[Array, " 2"]:
        """`(log(c / d), log(a / b))`, where nothing changes."""
        return jnp.log(jnp.array([self.death / self.gain, self.growth / self.capture]))

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """Both logarithms uniform in `box`."""
        return uniform(key, self.box, (2,))
