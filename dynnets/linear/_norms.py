"""The 2-norm of a matrix: computed, bounded from above, and estimated from below.

Only the bounds may stand in a guarantee: `norm_bound`, `gram_norm_bound` and `singular_range` carry
their own rounding. `spectral_norm` is the number itself, as often below the truth as above, and
power iteration approaches it from below: a step limited by either can be too long.

Matrices are scaled to entries of at most one first, so that no square overflows or vanishes; those
of half precision are factorised in the default precision, which every backend has.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size


def _scaled(matrix: Array) -> tuple[Array, Array]:
    """`(unit, A / unit)`, `unit` the size of the largest entry, one for a zero matrix."""
    if jnp.finfo(matrix.dtype).bits < 32:
        matrix = matrix.astype(float)
    unit = jax.lax.stop_gradient(jnp.max(jnp.abs(matrix), axis=(-2, -1)))
    unit = jnp.where(unit > 0, unit, jnp.ones_like(unit))
    return unit, matrix / unit[..., None, None]


def _margin(matrix: Array) -> float:
    """`4 max(m, n) eps`: the backward error of a factorisation or a product, relative to `|A|`."""
    return 4 * max(matrix.shape[-2:]) * float(jnp.finfo(matrix.dtype).eps)


def _above(bound: Array, matrix: Array) -> Array:
    """`bound` in the dtype of `matrix`, never rounded down, entries below the least normal number
    (which the processor may take for zero) counted in full.
    """
    info = jnp.finfo(matrix.dtype)
    smallest = float(info.tiny) * math.sqrt(matrix.shape[-2] * matrix.shape[-1])
    if bound.dtype != matrix.dtype:
        bound = bound * (1 + float(info.eps))
    return (bound + smallest).astype(matrix.dtype)


def spectral_norm(matrix: Float[Array, "... m n"]) -> Float[Array, "..."]:
    """`|A|_2`, the largest singular value, by a dense factorisation.

    Differentiable (`d|A| = u^T dA v`). Exact up to `max(m, n) eps |A|` in either direction: a bound
    is `norm_bound`. Cost: `O(m n min(m, n))`.
    """
    unit, scaled = _scaled(matrix)
    return (unit * jnp.linalg.svd(scaled, compute_uv=False)[..., 0]).astype(matrix.dtype)


def singular_range(matrix: Float[Array, "... m n"]) -> tuple[Array, Array]:
    """`(low, high)` with `low |x| <= |A x| <= high |x|` for every `x (n,)`, rounding included.

    `low` is zero for a wide matrix (`m < n`), which maps some direction to zero; `high` is
    `norm_bound`. Cost: as `spectral_norm`.
    """
    unit, scaled = _scaled(matrix)
    values = jnp.linalg.svd(scaled, compute_uv=False)
    largest, margin = values[..., 0], _margin(scaled)
    high = _above(unit * (largest * (1 + margin)), matrix)
    if matrix.shape[-2] < matrix.shape[-1]:
        return jnp.zeros_like(high), high
    info = jnp.finfo(matrix.dtype)
    low = unit * jnp.maximum(values[..., -1] - margin * largest, 0)
    low = jnp.maximum(low * (1 - 2 * float(info.eps)) - float(info.tiny), 0)
    return low.astype(matrix.dtype), high


def norm_bound(matrix: Float[Array, "... m n"]) -> Float[Array, "..."]:
    """An upper bound of `|A|_2` that rounding cannot undercut: `spectral_norm` plus a margin.

    The margin, `4 max(m, n) eps |A|`, covers the backward error of the factorisation. NaN for a
    matrix that is not finite. Differentiable, at a zero matrix too.
    """
    unit, scaled = _scaled(matrix)
    largest = jnp.linalg.svd(scaled, compute_uv=False)[..., 0]
    return _above(unit * (largest * (1 + _margin(scaled))), matrix)


def gram_norm_bound(matrix: Float[Array, "... m n"], iterations: int = 6) -> Float[Array, "..."]:
    """An upper bound of `|A|_2` from products alone: `|(A^T A)^(2^(k-1))|_F^(1 / 2^k)`.

    Above the norm by a factor of at most `r^(1 / 2^(k+1))`, `r` the rank: 1.05 for `r = 512` and
    the default `k = 6`; and by the margin `4 (k + 1) max(m, n) eps` for the rounding of the
    products, which are taken at full precision on every accelerator. Runs at the speed of products
    and is differentiable; the power is rescaled in every round, so nothing overflows.

    **Arguments:** `iterations`: `k >= 1` products of the smaller Gram matrix.
    Source: Delattre, Barthelemy, Araujo, Allauzen, Efficient Bound of Lipschitz Constant for
    Convolutional Layers by Gram Iteration, ICML 2023, arXiv:2305.16173.
    """
    check_size("iterations", iterations)
    unit, scaled = _scaled(matrix)
    transposed = jnp.swapaxes(scaled, -1, -2)
    tall = matrix.shape[-2] >= matrix.shape[-1]
    power = _product(transposed, scaled) if tall else _product(scaled, transposed)
    logarithm, total = jnp.zeros_like(unit), unit
    for k in range(1, iterations + 1):
        total = jnp.sum(power * power, axis=(-2, -1))
        # a zero matrix has no logarithm and no gradient of one; NaN stays NaN
        safe = jnp.where(total == 0, jnp.ones_like(total), total)
        logarithm = logarithm + jnp.log(safe) / 2 ** (k + 1)
        if k < iterations:
            power = power / jnp.sqrt(safe)[..., None, None]
            power = _product(power, power)
    # the unit stays outside: the logarithm of 1e-30 has an error of its own
    bound = unit * (jnp.exp(logarithm) * (1 + (iterations + 1) * _margin(scaled)))
    return _above(jnp.where(total == 0, jnp.zeros_like(bound), bound), matrix)


def _product(a: Array, b: Array) -> Array:
    """`a @ b` at the full precision of its dtype, which is not an accelerator's default."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def power_norm(
    matrix: Float[Array, "m n"], vector: Float[Array, " n"], iterations: int = 1
) -> tuple[Array, Array]:
    """A LOWER bound of `|A|_2` by power iteration, and the vector to go on from.

    **Arguments:** `vector`: a start, not zero; pass the one that the last call returned (a few
    rounds then suffice while the weights move slowly). **Returns** `(|A v|, v)` with `|v| = 1`;
    the derivative treats `v` as a constant. Never a guarantee: see `norm_bound`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.linear import norm_bound, power_norm
    >>> matrix = jnp.array([[3.0, 0.0], [0.0, 1.0]])
    >>> below, vector = power_norm(matrix, jnp.ones(2), iterations=5)
    >>> bool(2.999 < below < norm_bound(matrix) < 3.001)
    True

    ```
    """
    check_size("iterations", iterations)
    fixed = jax.lax.stop_gradient(matrix)
    for _ in range(iterations):
        vector = fixed.T @ (fixed @ vector)
        vector = vector / jnp.linalg.norm(vector)
    vector = jax.lax.stop_gradient(vector)
    return jnp.linalg.norm(matrix @ vector), vector
