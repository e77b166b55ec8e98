"""Arrays that belong to a module but are not trained: a Poisson matrix, units of the data."""

import dataclasses

import equinox as eqx
import jax
from jaxtyping import PyTree

_CONSTANT = "constant"


def constant_field(**options):
    """An `equinox.field` whose arrays no optimiser touches, decoupled weight decay included."""
    return eqx.field(metadata={_CONSTANT: True}, **options)


def trainable(model: PyTree) -> PyTree[bool]:
    """`True` at every floating-point array of `model` outside `constant_field`s: a filter for
    `equinox.partition`, and what `fit` trains by default.
    """
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: eqx.is_inexact_array(leaf) and not _is_constant(model, path), model
    )


def _is_constant(node, path) -> bool:
    for key in path:
        match key:
            case jax.tree_util.GetAttrKey(name=name):
                if _declared_constant(node, name):
                    return True
                node = getattr(node, name)
            case jax.tree_util.SequenceKey(idx=index):
                node = node[index]
            case jax.tree_util.DictKey(key=name):
                node = node[name]
            case _:
                return False
    return False


def _declared_constant(node, name: str) -> bool:
    if not dataclasses.is_dataclass(node):
        return False
    return any(
        field.name == name and field.metadata.get(_CONSTANT, False)
        for field in dataclasses.fields(node)
    )
