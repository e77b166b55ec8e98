"""Symmetric and skew-symmetric matrices from free parameters."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def positive_semidefinite(factor: Float[Array, "... n m"]) -> Float[Array, "... n n"]:
    """`L L^T >= 0` for every factor `L`; positive definite when `L` has full row rank.

    Preserves: symmetry and non-negativity, by construction (the smallest eigenvalue is at
    least minus round-off). Cost: one product.
    """
    return factor @ jnp.swapaxes(factor, -1, -2)


def skew_symmetric(matrix: Float[Array, "... n n"]) -> Float[Array, "... n n"]:
    """`M - M^T`, skew-symmetric for every square `M`."""
    return matrix - jnp.swapaxes(matrix, -1, -2)


def symmetric(matrix: Float[Array, "... n n"]) -> Float[Array, "... n n"]:
    """`M + M^T`, symmetric for every square `M`."""
    return matrix + jnp.swapaxes(matrix, -1, -2)
