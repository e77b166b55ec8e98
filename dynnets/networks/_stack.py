"""Layers of one kind as one module with a leading axis, run by a scan."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import PRNGKeyArray, PyTree

from dynnets._core import check_size


def stack_layers(make: Callable, depth: int, *, key: PRNGKeyArray) -> PyTree:
    """`depth` modules `make(key)` of one structure, every array with the leading axis `depth`."""
    check_size("depth", depth)
    return eqx.filter_vmap(make)(jr.split(key, depth))


def repeat_layer(layer: PyTree, depth: int) -> PyTree:
    """One module `depth` times: copies with the leading axis, trained apart from then on.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.networks import repeat_layer
    >>> repeat_layer({"weight": jnp.ones((2, 3))}, 5)["weight"].shape
    (5, 2, 3)

    ```
    """
    check_size("depth", depth)
    return jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (depth, *leaf.shape)) if eqx.is_array(leaf) else leaf,
        layer,
    )


def layer_of(stack: PyTree, index: int) -> PyTree:
    """The layer `index` of a stack, without the leading axis."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, stack)


def scan_layers(
    function: Callable, stack: PyTree, x, *, reverse: bool = False, remat: bool = False
):
    """`x` through all layers: `x = function(layer, x)` for each, the last first if `reverse`.

    Compile time does not grow with depth. With `remat` the backward pass stores the input of
    each layer only and computes the rest again: a third more work, less memory.
    """
    arrays, static = eqx.partition(stack, eqx.is_array)

    def body(x, layer):
        return function(eqx.combine(layer, static), x), None

    if remat:
        body = jax.checkpoint(body)
    return jax.lax.scan(body, x, arrays, reverse=reverse)[0]
