"""Point vortices in the plane: first-order motion in a Poisson structure of circulations."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import ENERGY, MOMENTUM, POISSON, VOLUME, check_size, join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField

from ._abstract import AbstractSystem
from ._energies import column
from ._parameters import Number, check_parameters, check_range
from ._sampling import check_room, scattered, uniform

Circulations = tuple[Number, ...] | Float[Array, " n"]


def _separations(z):
    """`x_i - x_j`, `y_i - y_j` and `|z_i - z_j|^2`, each `(n, n, ...)`; 1 for `i = j`."""
    x, y = split_phase(z)
    dx, dy = x[:, None] - x[None], y[:, None] - y[None]
    own = jnp.eye(x.shape[0], dtype=x.dtype).reshape((x.shape[0],) * 2 + (1,) * (x.ndim - 1))
    return dx, dy, dx**2 + dy**2 + own


class VortexEnergy(AbstractEnergy):
    """`H = -(1 / 4 pi) sum_{i<j} G_i G_j log |z_i - z_j|^2`, state `(x_1..x_n, y_1..y_n)`."""

    circulations: Circulations

    def __call__(self, t, x):
        """`H(x)`."""
        strength = column(self.circulations, split_phase(x)[0])
        pairs = strength[:, None] * strength[None] * jnp.log(_separations(x)[2])
        return -jnp.sum(pairs, axis=(0, 1)) / (8 * math.pi)

    def gradient(self, t, x):
        """`-(1 / 2 pi) G_i sum_j G_j (z_i - z_j) / |z_i - z_j|^2`."""
        dx, dy, square = _separations(x)
        strength = column(self.circulations, dx[0])
        pull = -strength[:, None] * strength[None] / (2 * math.pi * square)
        return join_phase(jnp.sum(pull * dx, axis=1), jnp.sum(pull * dy, axis=1))


class VortexField(AbstractField):
    """`G_i x_i' = dH/dy_i`, `G_i y_i' = -dH/dx_i`: vortices carried by each other's swirl.

    `x' = B grad H` with the constant `B = matrix`, which is the canonical one only for unit
    circulations. The exact flow keeps its bracket, area, the energy and both components of the
    impulse `sum_i G_i z_i`, which takes the place of the momentum.

    **Arguments:** `circulations`: `G_i`, none zero, numbers or an array `(n,)`. Cost: `n^2`
    separations. Source: Kirchhoff; Aref, Annual Review of Fluid Mechanics 15, 1983.
    """

    circulations: Circulations
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{POISSON, VOLUME, ENERGY, MOMENTUM}`."""
        return frozenset({POISSON, VOLUME, ENERGY, MOMENTUM})

    @property
    def energy(self) -> VortexEnergy:
        """`H`."""
        return VortexEnergy(self.circulations)

    @property
    def matrix(self) -> Float[Array, "two_n two_n"]:
        """`[[0, 1/G], [-1/G, 0]]`: the field is `matrix @ grad H`."""
        inverse = jnp.diag(1 / jnp.asarray(self.circulations))
        zero = jnp.zeros_like(inverse)
        return jnp.block([[zero, inverse], [-inverse, zero]])

    def momentum(self, x):
        """The impulse `sum_i G_i (x_i, y_i)`, shape `(2,)` or `(2, N)`."""
        strength = column(self.circulations, split_phase(x)[0])
        return jnp.stack([jnp.sum(strength * part, axis=0) for part in split_phase(x)])

    def __call__(self, t, x, args=None):
        """`(-sum_j G_j (y_i - y_j), sum_j G_j (x_i - x_j)) / (2 pi |z_i - z_j|^2)`."""
        dx, dy, square = _separations(x)
        swirl = column(self.circulations, dx[0])[None] / (2 * math.pi * square)
        return join_phase(-jnp.sum(swirl * dy, axis=1), jnp.sum(swirl * dx, axis=1))


class PointVortices(AbstractSystem):
    """`n` point vortices: `H = -(1 / 4 pi) sum_{i<j} G_i G_j log |z_i - z_j|^2`.

    State `(x_1, ..., x_n, y_1, ..., y_n)`; a Hamiltonian that does not separate, in a Poisson
    structure with the circulations `G_i` as weights. Two vortices turn around each other, three
    are integrable, four or more are chaotic. Kept: energy, `impulse`, `angular_impulse`.

    **Arguments:** `circulations`: of either sign, none zero, two at least; `width`: sampled
    places are uniform in `[-width, width]^2`, at least `separation` from each other.
    Raises `ValueError` outside of these. See `random_vortices`.
    """

    circulations: tuple[Number, ...] = (1.0, 1.0, -0.5, 0.8)
    width: Number = 3.0
    separation: Number = 0.8

    def __check_init__(self):
        if len(self.circulations) < 2:
            raise ValueError(f"circulations must be two at least, got {self.circulations}")
        for i, value in enumerate(self.circulations):
            if not isinstance(value, jax.core.Tracer) and not 0 < abs(value) < math.inf:
                raise ValueError(f"circulations[{i}] must be finite and not zero, got {value}")
        check_parameters(self, "width", "separation")
        check_room(len(self.circulations), self.width, self.separation)

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * len(self.circulations)

    @property
    def energy(self) -> VortexEnergy:
        """`H`."""
        return VortexEnergy(self.circulations)

    @property
    def field(self) -> VortexField:
        """The swirl of all others at each vortex; offers `energy`, `matrix`, `momentum`."""
        return VortexField(self.circulations)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """Uniform places apart from each other."""
        return scattered(key, len(self.circulations), self.width, self.separation).T.ravel()

    def impulse(self, x):
        """`sum_i G_i z_i`, shape `(2,)` or `(2, N)`: kept by the flow."""
        return self.field.momentum(x)

    def angular_impulse(self, x):
        """`sum_i G_i |z_i|^2`: kept by the flow."""
        first, second = split_phase(x)
        return jnp.sum(column(self.circulations, first) * (first**2 + second**2), axis=0)


def random_vortices(
    n: int,
    *,
    key: PRNGKeyArray,
    strengths: tuple[Number, Number] = (0.5, 1.5),
    signed: bool = False,
    width: Number = 3.0,
    separation: Number = 0.8,
) -> PointVortices:
    """Vortices with `|G_i|` uniform in `strengths`, positive or, if `signed`, of either sign."""
    check_size("n", n, 2)
    check_range("strengths", strengths, 0.0)
    key_size, key_sign = jr.split(key)
    values = uniform(key_size, strengths, (n,))
    if signed:
        values = jnp.where(jr.bernoulli(key_sign, shape=(n,)), values, -values)
    return PointVortices(  # its abstract fields are properties
        tuple(values.tolist()), width=width, separation=separation
    )
