"""Intervals that enclose every singular value or eigenvalue of a matrix, for guarantees.

They are computed in double precision from an exact copy of the matrix, whatever its dtype is, and
widened by what products with the matrix lose to rounding in that dtype. They return Python numbers
and are not differentiable: `norm_bound` is the bound to train with.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def rounding_margin(matrix: Float[Array, "m n"]) -> float:
    """`4 max(m, n) eps |A|_F`: what rounding can change of `|A x|` for a unit vector `x`.

    A product in the matrix's own dtype loses at most `n eps / 2` of `|A|_F`, and the factorisation
    that finds the singular values a small multiple of `eps`. Source: Higham, Accuracy and
    Stability of Numerical Algorithms, 2002, sections 3.5 and 20.
    """
    size = float(np.linalg.norm(np.asarray(matrix, float)))
    return 4 * max(matrix.shape) * float(jnp.finfo(matrix.dtype).eps) * size


def singular_bounds(matrix: Float[Array, "m n"]) -> tuple[float, float]:
    """`(low, high)` with `low |x| <= |A x| <= high |x|` for every `x (n,)`, rounding included.

    `low` is zero for a wide matrix and where it cannot be told from zero; a matrix with entries
    that are not finite has the bounds `(0, inf)`. Cost: one dense factorisation.
    """
    exact = np.asarray(matrix, float)
    if not np.isfinite(exact).all():
        return 0.0, float("inf")
    values, margin = np.linalg.svd(exact, compute_uv=False), rounding_margin(matrix)
    least = 0.0 if exact.shape[0] < exact.shape[1] else float(values[-1])
    return max(least - margin, 0.0), float(values[0]) + margin


def spectrum_bounds(matrix: Float[Array, "n n"]) -> tuple[float, float]:
    """`(low, high)` that encloses every eigenvalue of a symmetric matrix, rounding included.

    `low` may thus read a few units of round-off below zero for a singular `L L^T`; a matrix with
    entries that are not finite has the bounds `(-inf, inf)`. Cost: one dense factorisation.
    """
    exact = np.asarray(matrix, float)
    if not np.isfinite(exact).all():
        return -float("inf"), float("inf")
    values, margin = np.linalg.eigvalsh(exact), rounding_margin(matrix)
    return float(values[0]) - margin, float(values[-1]) + margin
