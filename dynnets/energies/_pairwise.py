"""Bodies that act on each other in pairs: one law summed over all pairs, learned masses.

A position vector is body by body: `q = (x_1, y_1, z_1, x_2, ...)`, shape `(bodies * space_dim,)`,
or features-first `(bodies * space_dim, N)`.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import check_positive, check_size, join_phase, split_phase

from ._abstract import AbstractEnergy
from ._pair_laws import AbstractPairLaw


def pairs(bodies: int) -> tuple[np.ndarray, np.ndarray]:
    """The indices `(i, j)`, `i < j`, of all pairs: two arrays of length `bodies (bodies-1)/2`."""
    return np.triu_indices(bodies, 1)


def pair_differences(q: Float[Array, " n *batch"], bodies: int, space_dim: int) -> Array:
    """`r_i - r_j` for every pair `i < j`, shape `(pairs, space_dim, *batch)`.

    A product with the incidence matrix of the pairs: its transpose, in derivatives, adds up
    over the pairs of a body without scattered writes.
    """
    points = q.reshape(bodies, space_dim, *q.shape[1:])
    return jnp.tensordot(incidence(bodies, q.dtype), points, 1)


def incidence(bodies: int, dtype) -> Array:
    """The matrix `(pairs, bodies)` that takes positions to the differences of all pairs."""
    first, second = pairs(bodies)
    matrix = np.zeros((len(first), bodies))
    matrix[np.arange(len(first)), first] = 1
    matrix[np.arange(len(first)), second] = -1
    return jnp.asarray(matrix, dtype)


def distances(q: Float[Array, " n *batch"], bodies: int, space_dim: int) -> Array:
    """`|r_i - r_j|` for every pair `i < j`, shape `(pairs, *batch)`."""
    return jnp.sqrt(jnp.sum(pair_differences(q, bodies, space_dim) ** 2, axis=1))


class PairwisePotential(AbstractEnergy):
    """`V(q) = sum_{i<j} m_i m_j phi(|r_i - r_j|)` with a learned law `phi` and learned masses.

    Invariant under translations, rotations and permutations of bodies (with their masses), so
    total momentum and angular momentum are kept whatever the weights. Only the products of
    masses and law show in a motion: the mass of body 0 is therefore fixed and sets the unit.

    **Arguments:** `law`: an `AbstractPairLaw`; `masses`: first guess, shape `(bodies,)`,
    positive; those of bodies 1, 2, ... relative to body 0 are trained, through their logarithms,
    so they stay positive. `space_dim`: 1, 2 or 3. `reference`: the mass of body 0 in the unit
    of masses (default 1): `masses` are rescaled to it. Raises `ValueError` for masses that are
    not positive and fewer than two bodies. Cost: the law at `bodies (bodies-1)/2` distances.
    """

    law: AbstractPairLaw
    log_ratios: Float[Array, " others"]
    space_dim: int = eqx.field(static=True)
    reference: float = eqx.field(static=True)

    def __init__(self, law: AbstractPairLaw, masses, space_dim: int = 3, *, reference: float = 1.0):
        check_size("space_dim", space_dim)
        check_positive("reference", reference)
        if jnp.ndim(masses) != 1 or masses.shape[0] < 2:
            raise ValueError(f"masses must be (bodies,), two at least, got {jnp.shape(masses)}")
        if not isinstance(masses, jax.core.Tracer) and not bool((masses > 0).all()):
            raise ValueError(f"masses must be positive, got {masses}")
        self.law = law
        self.log_ratios = jnp.log(masses[1:] / masses[0])
        self.space_dim, self.reference = space_dim, float(reference)

    @property
    def bodies(self) -> int:
        """Number of bodies."""
        return self.log_ratios.shape[-1] + 1

    @property
    def dim(self) -> int:
        """Number of coordinates, `bodies * space_dim`."""
        return self.bodies * self.space_dim

    @property
    def masses(self) -> Float[Array, " bodies"]:
        """The masses, body 0 has `reference`."""
        ratios = jnp.exp(self.log_ratios)
        return self.reference * jnp.concatenate([jnp.ones_like(ratios[:1]), ratios])

    def distances(self, q):
        """Distances of all pairs `i < j`, shape `(pairs,)` or `(pairs, N)`."""
        return distances(q, self.bodies, self.space_dim)

    def _products(self, ndim: int):
        first, second = pairs(self.bodies)
        products = self.masses[first] * self.masses[second]
        return products.reshape(products.shape + (1,) * (ndim - 1))

    def __call__(self, t, q):
        """`V(q)`."""
        r = self.distances(q)
        return jnp.sum(self._products(r.ndim) * self.law(r), axis=0)

    def gradient(self, t, q):
        """`dV/dr_i = sum_j m_i m_j phi'(r_ij) (r_i - r_j) / r_ij`, in closed form."""
        difference = pair_differences(q, self.bodies, self.space_dim)
        r = jnp.sqrt(jnp.sum(difference**2, axis=1))
        pull = self._products(r.ndim) * self.law.slope(r) / r
        forces = pull[:, None] * difference
        return jnp.tensordot(incidence(self.bodies, q.dtype).T, forces, 1).reshape(q.shape)

    def mass_per_coordinate(self) -> Float[Array, " dim"]:
        """The mass of the body that each coordinate belongs to, shape `(bodies * space_dim,)`."""
        return jnp.repeat(self.masses, self.space_dim)


class PairwiseEnergy(AbstractEnergy):
    """`E(q, v) = sum_i m_i |v_i|^2 / 2 + V(q)` of positions and velocities.

    **Arguments:** `potential`: a `PairwisePotential`, which holds the masses too.
    """

    potential: PairwisePotential

    def __call__(self, t, x):
        """`sum_i m_i |v_i|^2 / 2 + V(q)`."""
        q, v = split_phase(x)
        return jnp.sum(weighted_by_mass(self.potential, v) * v, axis=0) / 2 + self.potential(t, q)

    def gradient(self, t, x):
        """`(grad V(q), m v)`."""
        q, v = split_phase(x)
        return join_phase(self.potential.gradient(t, q), weighted_by_mass(self.potential, v))


def weighted_by_mass(potential, v):
    """`m_i v_i` coordinate by coordinate, `v`: `(n,)` or features-first `(n, N)`."""
    mass = potential.mass_per_coordinate()
    return v * mass.reshape(mass.shape + (1,) * (v.ndim - 1))
