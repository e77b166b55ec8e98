"""What several test files share."""

import chex
import jax.numpy as jnp


def tol(dtype, scale: float = 1.0) -> float:
    """Tolerance of a quantity that is zero up to round-off: `scale` times 1e4 units of last place.

    2.2e-12 in float64, 1.2e-3 in float32. `scale` is the size of the numbers that cancel, or the
    number of steps over which round-off adds up; any other tolerance needs a reason beside it.
    """
    return scale * 1e4 * float(jnp.finfo(dtype).eps)


def assert_close(a, b, scale: float = 1.0) -> None:
    """Equal shapes, and values within `tol(a.dtype, scale)` of each other."""
    chex.assert_trees_all_close(a, b, atol=tol(a.dtype, scale), rtol=0)
