"""Layers of one kind as one module with a leading axis, run by a scan."""

from collections.abc import Callable, Sequence

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


def join_layers(layers: Sequence[PyTree]) -> PyTree:
    """Given modules of one structure as one with a leading axis: what scans and networks take.

    The entrance of weights that are there already: `SympNet(dim, join_layers(layers))`, and the
    `fields` and step sizes of a `FlowNetwork`; `layer_of` is the way back. Raises `ValueError` for
    no layer, and for layers that differ in more than the values of their arrays.
    """
    if not layers:
        raise ValueError("at least one layer is needed, got none")
    parts = [eqx.partition(layer, eqx.is_array) for layer in layers]
    first = parts[0]
    shapes = [jax.tree.map(lambda a: (a.shape, a.dtype), arrays) for arrays, _ in parts]
    for i, (arrays, static) in enumerate(parts):
        same = jax.tree.structure(arrays) == jax.tree.structure(first[0])
        if not same or shapes[i] != shapes[0] or eqx.tree_equal(static, first[1]) is not True:
            raise ValueError(f"layer {i} differs from layer 0 in more than its values: {layers[i]}")
    joined = jax.tree.map(lambda *leaves: jnp.stack(leaves), *[arrays for arrays, _ in parts])
    return eqx.combine(joined, first[1])


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
