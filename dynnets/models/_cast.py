"""The precision of a model, chosen after it was made."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree


def cast(model: PyTree, dtype) -> PyTree:
    """The model with every floating-point array in the precision `dtype`; the rest as it is.

    Real arrays become `dtype`, complex ones the complex type of that precision; integers, keys,
    numbers of Python and all that is static stay. A model trained in float32 is so certified in
    float64, or one of float64 exported in float32. Weights that were rounded stay rounded.

    **Arguments:** `model`: any module or tree of arrays; `dtype`: of real floating-point numbers,
    such as `jnp.float32`. Raises `ValueError` for another kind of dtype, for one that JAX is not
    set up for (float64 without `jax_enable_x64`), and for complex arrays in half precision, which
    has no complex type.

    ```python
    >>> import jax, jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import HNN, cast
    >>> model = cast(HNN(2, 8, 1, key=jr.key(0)), jnp.bfloat16)
    >>> {str(leaf.dtype) for leaf in jax.tree.leaves(model) if hasattr(leaf, "dtype")}
    {'bfloat16'}

    ```
    """
    wanted = jnp.dtype(dtype)
    if not jnp.issubdtype(wanted, jnp.floating):
        raise ValueError(f"the precision of a model is a real floating-point dtype, got {wanted}")
    if jax.dtypes.canonicalize_dtype(wanted) != wanted:
        raise ValueError(f"{wanted} needs jax_enable_x64, which is off")

    def convert(leaf):
        if not eqx.is_inexact_array_like(leaf) or not isinstance(leaf, jax.Array | np.ndarray):
            return leaf
        if not jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            return leaf.astype(wanted)
        if wanted.itemsize < 4:
            raise ValueError(f"there are no complex numbers of the precision {wanted}")
        part = jnp.zeros((), wanted)
        return leaf.astype(jax.lax.complex(part, part).dtype)

    return jax.tree.map(convert, model)
