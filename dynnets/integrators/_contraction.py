"""How a step moves two solutions of `x' = -grad V` together: Lipschitz and averagedness constants.

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


def midpoint_contraction_factor(h, low, high):
    """`max |1 - z| / |1 + z|` at `z = h low / 2` and `z = h high / 2`: the same for a step of the
    implicit midpoint rule, `h > 0` and `low >= 0`. Below one where `low > 0`; infinite for
    other `h`.
    """
    factor = jnp.maximum(*(jnp.abs(1 - z) / (1 + z) for z in (h * low / 2, h * high / 2)))
    return jnp.where(h > 0, factor, jnp.inf)


def implicit_euler_contraction_factor(h, low, high):
    """`1 / (1 + h low)`: the same for a step of the implicit Euler method, `h > 0`, `low >= 0`;
    infinite for other `h`.
    """
    return jnp.where(h > 0, 1 / (1 + h * low), jnp.inf)


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
