"""Potentials to build others from: polynomials, sums, and energies of angles."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets.nn import angle_features, check_angles

from ._abstract import AbstractEnergy
from ._energies import as_energy


class PolynomialPotential(AbstractEnergy):
    """`V(q) = sum_i sum_k c_ik q_i^(k+1) / (k+1)`, so that `V'(q_i) = sum_k c_ik q_i^k`.

    Grows beyond the data as its highest power does, where a net would go on in a straight line.
    With `c = (0, k1, 0, k3)` it is the Duffing spring.

    **Arguments:** `coefficients`: those of the force, trainable, shape `(n, order)`, `order >= 1`.
    Raises `ValueError` for another shape.
    """

    coefficients: Float[Array, "n order"]

    def __init__(self, coefficients):
        if jnp.ndim(coefficients) != 2:
            raise ValueError(f"coefficients have shape (n, order), got {jnp.shape(coefficients)}")
        self.coefficients = coefficients

    def _horner(self, columns, q):
        value = jnp.zeros_like(q)
        for column in columns[::-1]:
            value = value * q + column.reshape(column.shape + (1,) * (q.ndim - 1))
        return value

    def __call__(self, t, q):
        """`V(q)`."""
        columns = [c / (k + 1) for k, c in enumerate(self.coefficients.T)]
        return jnp.sum(q * self._horner(columns, q), axis=0)

    def gradient(self, t, q):
        """`sum_k c_ik q_i^k`."""
        return self._horner(list(self.coefficients.T), q)


def _as_energies(terms) -> tuple[AbstractEnergy, ...]:
    return tuple(as_energy(term) for term in terms)


class SumEnergy(AbstractEnergy):
    """`E_1 + E_2 + ...`: for instance a known energy and its learned correction.

    **Arguments:** `terms`: energies of the same state, or functions `H(t, x)`; `ValueError` if
    there is none.
    """

    terms: tuple[AbstractEnergy, ...] = eqx.field(converter=_as_energies)

    def __check_init__(self):
        if not self.terms:
            raise ValueError("a sum of energies needs at least one term")

    @property
    def autonomous(self):
        """Whether all terms are."""
        return all(term.autonomous for term in self.terms)

    @property
    def quadratic(self):
        """Whether all terms are."""
        return all(term.quadratic for term in self.terms)

    @property
    def convex(self):
        """Whether all terms are."""
        return all(term.convex for term in self.terms)

    def __call__(self, t, x):
        """The sum of the terms."""
        return sum(term(t, x) for term in self.terms)

    def gradient(self, t, x):
        """The sum of the gradients."""
        first, *rest = self.terms
        return sum((term.gradient(t, x) for term in rest), first.gradient(t, x))


class PeriodicEnergy(AbstractEnergy):
    """`E(features(x))` with `features = angle_features`: an energy of angles, periodic in them.

    **Arguments:** `energy`: on `(d + k,)`, `k = len(angles)`; `angles`: which components of
    `x: (d,)` are angles in rad. Raises `ValueError` for negative or repeated indices.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    angles: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self):
        check_angles(self.angles)

    @property
    def autonomous(self):
        """Whether the energy of the features is."""
        return self.energy.autonomous

    def __call__(self, t, x):
        """`E(features(x))`."""
        return self.energy(t, angle_features(x, self.angles))

    def gradient(self, t, x):
        """By the chain rule: one gradient of `E`."""
        features, pull = jax.vjp(lambda y: angle_features(y, self.angles), x)
        return pull(self.energy.gradient(t, features))[0]
