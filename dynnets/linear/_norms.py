"""The 2-norm of a matrix: exact, bounded from above, and estimated from below.

Only the first two may stand in a guarantee. Power iteration approaches the norm from below:
a step bounded by it can be too long.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size


def spectral_norm(matrix: Float[Array, "... m n"]) -> Float[Array, "..."]:
    """`|A|_2`, the largest singular value, by a dense factorisation.

    Differentiable (`d|A| = u^T dA v`). Exact up to `max(m, n) eps |A|`. Cost: `O(m n min(m, n))`.
    """
    return jnp.linalg.svd(matrix, compute_uv=False)[..., 0]


def singular_range(matrix: Float[Array, "... m n"]) -> tuple[Array, Array]:
    """`(low, high)` with `low |x| <= |A x| <= high |x|` for every `x (n,)`.

    `low` is zero for a wide matrix (`m < n`), which maps some direction to zero. Cost: as
    `spectral_norm`.
    """
    values = jnp.linalg.svd(matrix, compute_uv=False)
    wide = matrix.shape[-2] < matrix.shape[-1]
    return (jnp.zeros_like(values[..., 0]) if wide else values[..., -1]), values[..., 0]


def norm_bound(matrix: Float[Array, "... m n"]) -> Float[Array, "..."]:
    """An upper bound of `|A|_2` that rounding cannot undercut: `spectral_norm` plus a margin.

    The margin, `4 max(m, n) eps |A|_F`, covers the backward error of the factorisation.
    """
    margin = 4 * max(matrix.shape[-2:]) * float(jnp.finfo(matrix.dtype).eps)
    frobenius = jnp.sqrt(jnp.sum(matrix * matrix, axis=(-2, -1)))
    return spectral_norm(matrix) + margin * frobenius


def gram_norm_bound(matrix: Float[Array, "... m n"], iterations: int = 6) -> Float[Array, "..."]:
    """An upper bound of `|A|_2` from products alone: `|(A^T A)^(2^(k-1))|_F^(1 / 2^k)`.

    Above the norm by a factor of at most `r^(1 / 2^(k+1))`, `r` the rank: 1.05 for `r = 512` and
    the default `k = 6`. Runs on every accelerator at the speed of its products and is
    differentiable; the power is rescaled in every round, so nothing overflows.

    **Arguments:** `iterations`: `k >= 1` products of the smaller Gram matrix.
    Source: Delattre, Barthelemy, Araujo, Allauzen, Efficient Bound of Lipschitz Constant for
    Convolutional Layers by Gram Iteration, ICML 2023, arXiv:2305.16173.
    """
    check_size("iterations", iterations)
    unit = jax.lax.stop_gradient(jnp.max(jnp.abs(matrix), axis=(-2, -1)))
    unit = jnp.where(unit > 0, unit, 1)
    scaled = matrix / unit[..., None, None]
    transposed = jnp.swapaxes(scaled, -1, -2)
    tall = matrix.shape[-2] >= matrix.shape[-1]
    power = transposed @ scaled if tall else scaled @ transposed
    logarithm, total = jnp.log(unit), unit
    for k in range(1, iterations + 1):
        total = jnp.sum(power * power, axis=(-2, -1))
        safe = jnp.where(total > 0, total, 1)  # a zero matrix: its logarithm has no gradient
        logarithm = logarithm + jnp.log(safe) / 2 ** (k + 1)
        if k < iterations:
            power = power / jnp.sqrt(safe)[..., None, None]
            power = power @ power
    margin = 4 * iterations * max(matrix.shape[-2:]) * float(jnp.finfo(matrix.dtype).eps)
    return jnp.where(total > 0, jnp.exp(logarithm) * (1 + margin), 0)


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
