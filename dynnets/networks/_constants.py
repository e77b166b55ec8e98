"""Arithmetic of Lipschitz constants and averaged maps: pure functions of numbers.

A map is `alpha`-averaged if it is `(1 - alpha) I + alpha T` with `T` 1-Lipschitz; such maps are
1-Lipschitz, and their iterations converge. Source: Bauschke and Combettes, Convex Analysis and
Monotone Operator Theory in Hilbert Spaces, 2017; Sherry, Celledoni, Ehrhardt, Murari, Owren,
Schoenlieb, Physica D 463, 2024, arXiv:2306.17332.
"""

import jax.numpy as jnp


def contraction_factor(h, low, high):
    """`max(|1 - h low|, |1 - h high|)`: the Lipschitz constant of an Euler step of `x' = -grad V`
    whose Hessian has its eigenvalues in `[low, high]`. Sharp; least at `h = 2 / (low + high)`.
    """
    return jnp.maximum(jnp.abs(1 - h * low), jnp.abs(1 - h * high))


def expansion_limit(contraction, nu):
    """The largest `h` with `contraction * (1 + h nu) <= 1`: an Euler step that expands by at most
    `1 + h nu` may follow, or go before, a map with the factor `contraction <= 1`.
    """
    return (1 / contraction - 1) / nu


def euler_averagedness(h, nu):
    """`alpha = h nu / 2` of an Euler step on `-A^T s(A x + b)`, `nu = sup s' |A|^2`.

    Below one for `0 < h < 2 / nu`; at one the step is 1-Lipschitz and not averaged; beyond, the
    value says by how much it is not.
    """
    return h * nu / 2


def midpoint_averagedness(h, nu):
    """`alpha = h nu / (2 + h nu) < 1` of the implicit midpoint rule, for every `h > 0`."""
    return h * nu / (2 + h * nu)


def implicit_euler_averagedness(h, nu):
    """`alpha = h nu / (2 + 2 h nu) < 1 / 2` of the implicit Euler method: firmly non-expansive."""
    return h * nu / (2 + 2 * h * nu)


def compose_averagedness(first, second):
    """`alpha = (a + b - 2 a b) / (1 - a b)` of the composition of two averaged maps.

    One if either is only 1-Lipschitz (`alpha = 1`).
    """
    product = first * second
    safe = jnp.where(product < 1, 1 - product, 1)
    return jnp.where(product < 1, (first + second - 2 * product) / safe, 1)
