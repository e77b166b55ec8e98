"""Arithmetic of the constants of compositions: pure functions of numbers.

The constants of single steps stand in `dynnets.integrators`, where averaged maps are explained.
"""

import jax.numpy as jnp


def expansion_limit(contraction, nu):
    """The largest `h` with `contraction * (1 + h nu) <= 1`: an Euler step that expands by at most
    `1 + h nu` may follow, or go before, a map with the factor `contraction <= 1`.
    """
    return (1 / contraction - 1) / nu


def compose_averagedness(first, second):
    """`alpha = (a + b - 2 a b) / (1 - a b)` of the composition of two averaged maps.

    One if either is only 1-Lipschitz (`alpha = 1`).
    """
    product = first * second
    safe = jnp.where(product < 1, 1 - product, 1)
    return jnp.where(product < 1, (first + second - 2 * product) / safe, 1)
