"""The standard test of integrators and nets for energies that do not separate."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import HamiltonianField

from ._abstract import AbstractSystem
from ._elliptic import jacobi, landen
from ._parameters import Number, check_parameters
from ._sampling import uniform


class ProductEnergy(AbstractEnergy):
    """`H(q, p) = (q^2 + 1)(p^2 + 1) / 2`."""

    def __call__(self, t, x):
        """`H(x)`."""
        q, p = x
        return (q**2 + 1) * (p**2 + 1) / 2

    def gradient(self, t, x):
        """`(q (p^2 + 1), p (q^2 + 1))`."""
        q, p = x
        return jnp.stack([q * (p**2 + 1), p * (q**2 + 1)])


class NonseparableOscillator(AbstractSystem):
    """`H = (q^2 + 1)(p^2 + 1) / 2`; state `(q, p)`. Every orbit is closed.

    **Arguments:** `box`: sampled states are uniform in `[-box, box]^2`; `ceiling`: and have an
    energy of at most this (above 1/2, infinite for none). Raises `ValueError` outside of these.
    Source: Tao, Physical Review E 94, 2016.
    """

    box: Number = 4.0
    ceiling: Number = math.inf

    def __check_init__(self):
        check_parameters(self, "box")
        if not isinstance(self.ceiling, jax.core.Tracer) and not self.ceiling > 0.5:
            raise ValueError(f"ceiling must exceed the least energy 1/2, got {self.ceiling}")

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def energy(self) -> ProductEnergy:
        """`H`."""
        return ProductEnergy()

    @property
    def field(self) -> HamiltonianField:
        """`(p (q^2 + 1), -q (p^2 + 1))`; offers `energy`."""
        return HamiltonianField(self.energy)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """Uniform in the part of the box below the ceiling, by rejection
        from the smallest square around that part.
        """
        reach = jnp.minimum(self.box, jnp.sqrt(jnp.maximum(2 * self.ceiling - 1, 0)))
        bounds = (-reach, reach)

        def draw(state):
            key, again = jr.split(state[0])
            return key, uniform(again, bounds, (2,))

        def outside(state):
            return self.energy(0.0, state[1]) > self.ceiling

        return jax.lax.while_loop(outside, draw, draw((key, None)))[1]

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2,)` or `(2, N)` at time zero.

        `q = a cn(w t + c | m)` with `w^2 = 2 H`, `a^2 = w^2 - 1`, `m = a^2 / w^2`; addition
        theorems carry the state itself, so no inverse function is needed and the point of rest
        is regular.
        """
        q, p = split_phase(x0)
        wide, high = q**2 + 1, p**2 + 1
        square = wide * high
        complement = 1 / square
        mean, ratios = landen(complement)
        u, period = jnp.sqrt(square) * t, 2 * math.pi / mean
        u = u - jnp.round(u / period) * period
        m = (q**2 + p**2 + (q * p) ** 2) / square
        sn, cn, dn = jacobi(u, m, complement, mean, ratios)
        aspect, slope = jnp.sqrt(wide / high), sn * dn
        return join_phase(
            (q * cn + p * aspect * slope) / (1 - p**2 / high * sn**2),
            (p * cn - q / aspect * slope) / (1 - q**2 / wide * sn**2),
        )
