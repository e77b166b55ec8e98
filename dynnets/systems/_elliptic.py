"""Jacobi's elliptic functions by the arithmetic-geometric mean (descending Landen)."""

import jax
import jax.numpy as jnp

# From a complementary parameter of 1e-32 up, ten means reach round-off in float64.
_DEPTH = 10


def landen(complement):
    """The means behind the elliptic functions of parameter `m = 1 - complement`.

    **Returns:** `agm(1, sqrt(1 - m))` and the ratios `c_n / a_n`, first axis `n = 1..10`.
    The quarter period is `K(m) = pi / (2 agm)`.
    """

    def halve(means, _):
        a, b = means
        middle = (a + b) / 2
        return (middle, jnp.sqrt(a * b)), (a - b) / (2 * middle)

    start = (jnp.ones_like(complement), jnp.sqrt(complement))
    (mean, _), ratios = jax.lax.scan(halve, start, length=_DEPTH)
    return mean, ratios


def jacobi(u, m, complement, mean, ratios):
    """`sn, cn, dn (u | m)` for `0 <= m < 1`.

    **Arguments:** `u`: real; `m`: the parameter (square of the modulus); `complement`: `1 - m`,
    given apart because its relative accuracy decides the period near the separatrix; `mean`,
    `ratios`: `landen(complement)`. All of one shape.

    **Returns:** `(sn, cn, dn)`. Cost: ten sines. Error: a few units of round-off times
    `max(1, |u|)`. Source: Abramowitz and Stegun, 16.4 and 17.6.
    """

    def fold(angle, ratio):
        return (angle + jnp.arcsin(ratio * jnp.sin(angle))) / 2, None

    angle, _ = jax.lax.scan(fold, 2.0**_DEPTH * mean * u, ratios, reverse=True)
    sn, cn = jnp.sin(angle), jnp.cos(angle)
    return sn, cn, jnp.sqrt(complement + m * cn**2)
