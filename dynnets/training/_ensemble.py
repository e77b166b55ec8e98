"""Several models as one: the arrays of each stacked along a leading axis."""

from collections.abc import Callable
from typing import TypeVar

import equinox as eqx
import jax

from dynnets._core import check_size

Model = TypeVar("Model", bound=eqx.Module)


def stack_models(make: Callable[..., Model], keys) -> Model:
    """`k` models in one, for `fit(..., ensemble=k)`: every array has a leading axis `k`.

    **Arguments:** `make(key)`: makes one model; `keys`: shape `(k,)`, such as
    `jax.random.split(key, k)`.

    ```python
    >>> import equinox as eqx, jax.random as jr
    >>> from dynnets.training import stack_models, unstack
    >>> stack = stack_models(lambda key: eqx.nn.Linear(2, 3, key=key), jr.split(jr.key(0), 4))
    >>> stack.weight.shape, unstack(stack, 0).weight.shape
    ((4, 3, 2), (3, 2))

    ```
    """
    return eqx.filter_vmap(make)(keys)


def unstack(models: Model, index: int) -> Model:
    """Member `index` of a stack of models. Raises `ValueError` if there is no such member."""
    size = ensemble_size(models)
    if not -size <= index < size:
        raise ValueError(f"the ensemble has {size} members, got index {index}")
    return jax.tree.map(lambda a: a[index] if eqx.is_array(a) else a, models)


def ensemble_size(models: eqx.Module) -> int:
    """The number of members of a stack. Raises `ValueError` unless all arrays agree on it."""
    arrays = [a for a in jax.tree.leaves(models) if eqx.is_array(a)]
    sizes = {a.shape[:1] for a in arrays}
    if len(sizes) != 1 or () in sizes:
        shapes = sorted({a.shape for a in arrays})
        raise ValueError(f"the arrays of a stack share their first axis, got shapes {shapes}")
    return sizes.pop()[0]


def check_ensemble(models: eqx.Module, members: int) -> None:
    """Raise `ValueError` unless `models` is a stack of `members`."""
    check_size("ensemble", members)
    size = ensemble_size(models)
    if size != members:
        raise ValueError(f"ensemble={members}, but the model is a stack of {size}")
