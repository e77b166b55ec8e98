"""What one part of a layer, a step on a field, does to distances: bounds with their rounding.

Every number here is rounded outwards: it is an upper bound of what it names for the weights and the
step size as they are stored.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import NON_EXPANSIVE
from dynnets.structure import CONDITIONAL, EXACT, verdict


def eps_of(number) -> float:
    """The distance from one to the next number of a dtype."""
    return float(jnp.finfo(number.dtype).eps)


def part_factor(step, field, h: Array) -> Array:
    """An upper bound of the Lipschitz constant of one step, in exact arithmetic.

    The sharp factor of a step on a gradient field whose curvature is known; one for a step within
    its non-expansive bound; `1 + |h| L` for Euler's method on another Lipschitz field; infinity
    where nothing is known. The identity, `h = 0`, has one.
    """
    within = _within(step, field, h)
    if step.contraction is not None and field.curvature is not None:
        low, high = field.curvature
        size = jnp.maximum(jnp.abs(h) * high, 1)
        factor = step.contraction(h, low, high) + 4 * eps_of(h) * size
        # within the bound the theorem says one, which the rounding above must not lift
        return jnp.where(within, jnp.minimum(factor, 1), factor)
    if NON_EXPANSIVE in field.structure:
        return jnp.where(within, jnp.ones_like(h), jnp.inf)
    if step.growth is not None and field.lipschitz is not None:
        growth = step.growth(h, field.lipschitz) * (1 + 4 * eps_of(h))
        return jnp.where(h == 0, jnp.ones_like(growth), growth)
    return jnp.full_like(h, jnp.inf)


def part_rounding(step, field, h: Array, eps: float) -> Array:
    """By how much an evaluated derivative of the step may exceed `part_factor`, in a dtype of
    relative spacing `eps`: `4 eps (sum of m + n over all weights (m, n) + 4) max(1, |h| L)`.

    A product of `n` terms is rounded by at most `n eps / 2` of the sum of their sizes, which is up
    to `sqrt(min(m, n))` times the norm of the matrix. The formula is that worst case for up to
    eight components, and beyond them what errors of mean zero, which add like a square root, reach
    (Higham, Mary, A new approach to probabilistic rounding error analysis, SIAM J. Sci. Comput. 41,
    2019). Four covers the stages of the explicit methods within their bound, and the sums.
    """
    shapes = [leaf.shape for leaf in jax.tree.leaves(field) if jnp.ndim(leaf) > 1]
    terms = sum(shape[-2] + shape[-1] for shape in shapes)
    size = 1.0 if field.lipschitz is None else jnp.maximum(jnp.abs(h) * field.lipschitz, 1)
    return jnp.broadcast_to(4 * eps * (terms + 4) * size, h.shape).astype(h.dtype)


def part_averagedness(step, field, h: Array, eps: float) -> Array:
    """The `alpha` of one step: below one only where it is so with room for rounding, else one
    while the step is 1-Lipschitz up to rounding, else infinity.
    """
    if NON_EXPANSIVE not in field.structure:
        return jnp.full_like(h, jnp.inf)
    one = jnp.ones_like(h)
    if step.averagedness is None or field.nu is None:
        return jnp.where(_within(step, field, h), one, jnp.inf)
    alpha = step.averagedness(h, field.nu) * (1 + 4 * eps_of(h))
    room = 2 * part_rounding(step, field, jnp.zeros_like(h), eps)
    known = (h >= 0) & (alpha <= 1 + room)
    return jnp.where(known, jnp.where(alpha < 1 - room, alpha, one), jnp.inf)


def _within(step, field, h: Array) -> Array:
    """Whether `h` satisfies, with room for rounding, the condition under which the step is
    non-expansive; never for numbers that are not finite.
    """
    if NON_EXPANSIVE not in field.structure:
        return jnp.zeros_like(h, bool)
    found = verdict(step, field, NON_EXPANSIVE)
    if found.status == EXACT:
        return (h >= 0) & jnp.isfinite(h)
    if found.status != CONDITIONAL or found.bound is None or field.nu is None:
        return jnp.zeros_like(h, bool)
    return (h >= 0) & (h * field.nu <= found.bound * (1 - 2 * eps_of(h)))


def product_of(factors: Array) -> Array:
    """The product of upper bounds along the first axis, rounded upwards; one at most where no
    factor is above one.
    """
    product = jnp.prod(factors, axis=0) * (1 + 2 * len(factors) * eps_of(factors))
    product = jnp.maximum(product, float(jnp.finfo(factors.dtype).tiny))
    return jnp.where((factors <= 1).all(axis=0), jnp.minimum(product, 1), product)
