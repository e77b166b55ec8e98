"""How the bounds of energies are made from those of their parts."""

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import Bound, coarsest_eps


def masses_bound(masses: Float[Array, " n"]) -> Bound:
    """That all of `masses` are positive and finite.

    They are the exponentials of what is trained, which rounding changes by a few units of last
    place: `value`, below the least mass, is smaller than it by eight of them.
    """
    values = np.asarray(masses, float)
    low, high = float(values.min()), float(values.max())
    least = low * (1 - 8 * float(jnp.finfo(masses.dtype).eps))
    holds = least > 0 and math.isfinite(high)
    return Bound("MASSES > 0", least, f"masses lie in [{low:.6g}, {high:.6g}]", holds)


def known_parts(*parts: Any) -> tuple | None:
    """The bounds of all parts, or `None` as soon as one of them is not known."""
    return None if any(part is None for part in parts) else parts


def summed(parts: tuple[float, ...], energy) -> float:
    """The sum of bounds of magnitudes, widened by the rounding of the sum that it bounds."""
    return sum(parts) * (1 + len(parts) * coarsest_eps(energy))


def summed_range(terms, energy=None) -> tuple[float, float] | None:
    """The sum of the ranges of energies, widened by the rounding of that sum."""
    ranges = known_parts(*(term.range_bound for term in terms))
    if ranges is None:
        return None
    low, high = (sum(ends) for ends in zip(*ranges, strict=True))
    reach = sum(max(abs(a), abs(b)) for a, b in ranges)
    slack = reach * len(ranges) * coarsest_eps(terms if energy is None else energy)
    return low - slack, high + slack
