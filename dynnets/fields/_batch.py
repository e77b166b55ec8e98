"""Any field on a batch of states."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ._abstract import AbstractField


def batched_field(
    field: AbstractField | Callable, t, xs: Float[Array, "*state N"], args: Any = None
) -> Float[Array, "*state N"]:
    """`f(t, x, args)` for every column `x` of features-first states.

    One expression for a field that declares `features_first`; a loop over the columns by
    `jax.vmap` for every other field, for one of a single state or of matrices too, and for a bare
    function `f(t, x, args)`. The shapes alone never decide: a square batch is a batch. Inputs that
    are functions of time are asked one time at a time.

    **Arguments:** `t`: a scalar or one time a column `(N,)`; `xs`: `(d, N)`; `args`: given to the
    field, `None`, an input `(m,)` that all states share or one a column `(m, N)`, or whatever else
    the field takes, which all states share. Cost: one evaluation of the field per state.
    """
    plain = args is None or isinstance(args, jax.Array | np.ndarray)
    if isinstance(field, AbstractField) and field.features_first and plain:
        return field(t, xs, args)
    own = plain and args is not None and args.ndim == 2
    axes = (0 if jnp.ndim(t) else None, -1, -1 if own else None)
    return jax.vmap(field, in_axes=axes, out_axes=-1)(t, xs, args)
