"""The free rigid body: angular momentum in its own axes, on a sphere."""

from typing import ClassVar

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import ENERGY, NORM, VOLUME
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField

from ._abstract import AbstractSystem
from ._energies import column
from ._parameters import Number, check_masses, check_range
from ._sampling import uniform

Moments = tuple[Number, Number, Number] | Float[Array, " 3"]


class SpinEnergy(AbstractEnergy):
    """`H(x) = sum_i x_i^2 / (2 I_i)`."""

    moments: Moments

    def __call__(self, t, x):
        """`H(x)`."""
        return jnp.sum(x * self.gradient(t, x), axis=0) / 2

    def gradient(self, t, x):
        """The angular velocity `x_i / I_i`."""
        return x / column(self.moments, x)


def _turn_about(axis: int, moments: Moments):
    """The exact flow of `x_i^2 / (2 I_i)` alone: a turn about axis `i` by `-h x_i / I_i`."""

    def flow(t, x, h, args=None):
        angle = h * x[axis] / column(moments, x)[axis]
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        after, before = (axis + 1) % 3, (axis + 2) % 3
        parts = {
            axis: x[axis],
            after: cos * x[after] + sin * x[before],
            before: cos * x[before] - sin * x[after],
        }
        return jnp.stack([parts[i] for i in range(3)])

    return flow


class RigidBodyField(AbstractField):
    """`x' = x cross (I^-1 x) = S(x) x` with `S` skew: the Euler equations of a free body.

    The exact flow keeps the energy, the norm (the Casimir of the Lie-Poisson bracket) and volume.
    Offers `energy`; `skew`, the matrix `S(x)`; and `flows`, three exact turns about the axes.

    **Arguments:** `moments`: the moments of inertia, three positive numbers or an array `(3,)`.
    """

    moments: Moments
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{NORM, ENERGY, VOLUME}`."""
        return frozenset({NORM, ENERGY, VOLUME})

    @property
    def energy(self) -> SpinEnergy:
        """`H`."""
        return SpinEnergy(self.moments)

    @property
    def flows(self) -> tuple:
        """The exact flows of the three terms of `H`; each is Lie-Poisson and keeps the norm."""
        return tuple(_turn_about(axis, self.moments) for axis in range(3))

    def skew(self, t, x, args=None) -> Array:
        """`S(x)`, shape `(3, 3)` or `(3, 3, N)`, with `S x = x cross (I^-1 x)`."""
        a, b, c = self.energy.gradient(t, x)
        zero = jnp.zeros_like(a)
        rows = [[zero, c, -b], [-c, zero, a], [b, -a, zero]]
        return jnp.stack([jnp.stack(row) for row in rows])

    def __call__(self, t, x, args=None):
        """`x cross (I^-1 x)`."""
        return jnp.cross(x, self.energy.gradient(t, x), axis=0)


class RigidBody(AbstractSystem):
    """`x' = x cross (I^-1 x)`: angular momentum `x` of a free rigid body in its own axes.

    `H = sum_i x_i^2 / (2 I_i)`; turns about the axes of the least and the greatest moment are
    stable, those about the middle one are not. Not canonical: Lie-Poisson, `|x|` its Casimir.

    **Arguments:** `moments`: the moments of inertia, positive; `radius`: the range of `|x|` of
    sampled states, whose direction is uniform. Raises `ValueError` outside of these.
    """

    moments: tuple[Number, Number, Number] = (2.0, 1.0, 2 / 3)
    radius: tuple[Number, Number] = (0.5, 1.5)

    def __check_init__(self):
        check_masses("moments", self.moments, 3)
        check_range("radius", self.radius, 0.0)

    @property
    def dim(self) -> int:
        """3."""
        return 3

    @property
    def energy(self) -> SpinEnergy:
        """`H`."""
        return SpinEnergy(self.moments)

    @property
    def field(self) -> RigidBodyField:
        """`x cross (I^-1 x)`; offers `energy`, `skew`, `flows`."""
        return RigidBodyField(self.moments)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 3"]:
        """Uniform direction, length uniform in `radius`."""
        key_length, key_direction = jr.split(key)
        direction = jr.normal(key_direction, (3,))
        return uniform(key_length, self.radius) * direction / jnp.linalg.norm(direction)

    def casimir(self, x):
        """`|x|^2`: kept by the flow of every energy."""
        return jnp.sum(x**2, axis=0)
