"""Energies with known numbers: their parameters stay Python scalars, so that the dtype of
every result is the dtype of the state.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynnets.energies import AbstractEnergy

from ._parameters import Number


def column(values: tuple | np.ndarray | Array, like: Array) -> Array:
    """`values (n,)` in the dtype of `like (n, ...)`, shaped to act along its first axis."""
    return jnp.asarray(values, like.dtype).reshape((-1,) + (1,) * (like.ndim - 1))


class GivenKinetic(AbstractEnergy):
    """`T(p) = sum_i p_i^2 / (2 m_i)` with known masses, one per momentum."""

    masses: tuple[Number, ...]

    @property
    def quadratic(self):
        """True: it is a polynomial of degree two for all parameters."""
        return True

    @property
    def convex(self):
        """True: it is convex for all parameters."""
        return True

    def __call__(self, t, p):
        """`T(p)`."""
        return jnp.sum(p * self.gradient(t, p), axis=0) / 2

    def gradient(self, t, p):
        """The velocities `p_i / m_i`."""
        return p / column(self.masses, p)


class SpringPotential(AbstractEnergy):
    """`V(q) = k q^2 / 2` of one coordinate, `q: (1,)`."""

    stiffness: Number

    @property
    def quadratic(self):
        """True: it is a polynomial of degree two for all parameters."""
        return True

    def __call__(self, t, q):
        """`V(q)`."""
        return jnp.sum(self.stiffness * q**2, axis=0) / 2

    def gradient(self, t, q):
        """`k q`."""
        return self.stiffness * q


class Gravity(AbstractEnergy):
    """`V(q) = -G sum_{i<j} m_i m_j / |r_j - r_i|`, each pair once, without softening.

    `q: (bodies * space_dim,)`, body by body: `[x_1, y_1, x_2, y_2, ...]`.
    """

    masses: tuple[Number, ...]
    strength: Number
    space_dim: int

    def _pairs(self, q):
        """First and second bodies of each pair, separations `(pairs, space, ...)`, `G m_i m_j`."""
        bodies = len(self.masses)
        first, second = np.triu_indices(bodies, 1)
        places = q.reshape((bodies, self.space_dim) + q.shape[1:])
        masses = column(self.masses, places)
        return (
            first,
            second,
            places[second] - places[first],
            self.strength * masses[first] * masses[second],
        )

    def __call__(self, t, q):
        """`V(q)`."""
        _, _, apart, product = self._pairs(q)
        distance = jnp.sqrt(jnp.sum(apart**2, axis=1))
        return -jnp.sum(product[:, 0] / distance, axis=0)

    def gradient(self, t, q):
        """Minus the forces: `G m_i m_j (r_i - r_j) / |r_i - r_j|^3` summed over the others."""
        first, second, apart, product = self._pairs(q)
        square = jnp.sum(apart**2, axis=1, keepdims=True)
        pull = product * apart / (square * jnp.sqrt(square))
        total = jnp.zeros((len(self.masses),) + pull.shape[1:], q.dtype)
        return total.at[second].add(pull).at[first].add(-pull).reshape(q.shape)
