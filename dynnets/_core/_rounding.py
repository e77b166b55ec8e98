"""The rounding of what a module computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import PyTree


def coarsest_eps(tree: PyTree) -> float:
    """The largest `eps` (spacing of the numbers above one) of the floating arrays in `tree`.

    What a module computes is no finer than its coarsest parameter. Without any such array: that
    of JAX's own default precision.
    """
    dtypes = {leaf.dtype for leaf in jax.tree.leaves(tree) if eqx.is_inexact_array(leaf)}
    return max(float(jnp.finfo(dtype).eps) for dtype in dtypes or {jnp.result_type(float)})
