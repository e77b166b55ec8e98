"""Canonical phase space: states `x = (q, p)` with the coordinates first."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def split_phase(x: Float[Array, " two_n *batch"]) -> tuple[Array, Array]:
    """Split a canonical state `x = (q, p)` into coordinates and momenta.

    **Arguments:** `x`: shape `(2n,)`, or features-first `(2n, N)`.

    **Returns:** `(q, p)`, each of shape `(n, ...)`. Raises `ValueError` for an odd dimension.
    """
    dim = x.shape[0]
    if dim % 2:
        raise ValueError(f"a phase space has an even dimension (q, p), got {dim}")
    return x[: dim // 2], x[dim // 2 :]


def join_phase(q: Float[Array, " n *batch"], p: Float[Array, " n *batch"]) -> Array:
    """Join coordinates and momenta into `x = (q, p)`; the inverse of `split_phase`."""
    return jnp.concatenate([q, p])


def symplectic_gradient(gradient: Float[Array, " two_n *batch"]) -> Array:
    """`J g = (g_p, -g_q)` for `g = grad H`: the vector field of the energy `H`."""
    g_q, g_p = split_phase(gradient)
    return jnp.concatenate([g_p, -g_q])


def canonical_matrix(n: int, dtype=None) -> Float[Array, "two_n two_n"]:
    """`J = [[0, I], [-I, 0]]` of size `2n x 2n`."""
    if n < 1:
        raise ValueError(f"the number of degrees of freedom must be positive, got {n}")
    zero, one = jnp.zeros((n, n), dtype), jnp.eye(n, dtype=dtype)
    return jnp.block([[zero, one], [-one, zero]])
