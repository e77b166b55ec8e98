"""Solves with a matrix that must be regular: refused in words, never answered by huge numbers."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def solve_regular(name: str, matrix: Float[Array, "n n"], right: Array) -> Array:
    """The `x` with `matrix x = right`, by LU, unless rounding hides whether `matrix` is regular.

    The condition is `k = sum_ij |A_ji| |(A^-1)_ij|`, the relative change of `det A` per relative
    change of the entries: `n` for a diagonal matrix, and free of the units of rows and columns, so
    that masses of very different size are regular. From `k eps = 0.1` on no digit of `x` is known.

    **Arguments:** `name`: what the message calls the matrix; `right`: `(n,)` or `(n, m)`.

    **Returns** `x` of the shape of `right`, differentiable to every order. A singular matrix is a
    `ValueError` where its values are known; in compiled code `x` is NaN, which a caller's status
    sees (`finite_steps` of a rollout, the `status` of a fit, a failed line of a certificate).
    Cost: one LU of size `n` and `n` triangular solves more than a bare solve.
    """
    fixed = jax.lax.stop_gradient(matrix)
    factor = jax.scipy.linalg.lu_factor(fixed)
    inverse = jax.scipy.linalg.lu_solve(factor, jnp.eye(matrix.shape[0], dtype=matrix.dtype))
    condition = jnp.sum(jnp.abs(inverse) * jnp.abs(fixed.T))
    regular = condition * float(jnp.finfo(matrix.dtype).eps) < 0.1  # false for NaN
    if not isinstance(regular, jax.core.Tracer) and not bool(regular):
        raise ValueError(
            f"{name} must be regular, but its condition number is {float(condition):.1e}, which "
            f"in {matrix.dtype.name} can't be told from a singular matrix: {fixed}"
        )

    def solve(_, right):
        return jax.scipy.linalg.lu_solve(factor, right)

    def transpose_solve(_, right):
        return jax.scipy.linalg.lu_solve(factor, right, trans=1)

    x = jax.lax.custom_linear_solve(lambda x: matrix @ x, right, solve, transpose_solve)
    return jnp.where(regular, x, jnp.nan)
