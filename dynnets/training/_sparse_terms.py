"""The library energies of a model: where they stand, what their terms are called, their masks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dynnets.energies import LibraryEnergy, component_names


def _is_part(node) -> bool:
    return isinstance(node, LibraryEnergy)


def library_parts(model) -> list[LibraryEnergy]:
    """The `LibraryEnergy` nodes of a model, in the order of its leaves."""
    return [node for node in jax.tree.leaves(model, is_leaf=_is_part) if _is_part(node)]


def _letters(path) -> tuple[str, ...]:
    """`p` below a field called `kinetic`, `q` below a `potential`, `(q, p)` elsewhere."""
    names = [key.name for key in path if isinstance(key, jax.tree_util.GetAttrKey)]
    if "kinetic" in names:
        return ("p",)
    return ("q",) if "potential" in names else ("q", "p")


def term_labels(model) -> tuple[str, ...]:
    """The names of all terms of all parts."""
    found: list[str] = []
    for path, node in jax.tree_util.tree_leaves_with_path(model, is_leaf=_is_part):
        if _is_part(node):
            library, letters = node.library, _letters(path)
            letters = letters if library.dim % len(letters) == 0 else ("x",)
            found += library.term_names(component_names(letters, library.dim))
    return tuple(found)


def with_masks(model, support: np.ndarray):
    """The model with the terms outside `support`, one entry a term of all parts, masked."""
    parts = library_parts(model)
    ends = np.cumsum([part.library.size for part in parts])[:-1]
    masked = [
        LibraryEnergy(part.library, jnp.where(mask, part.coefficients, 0), jnp.asarray(mask))
        for part, mask in zip(parts, np.split(support, ends), strict=True)
    ]
    return eqx.tree_at(library_parts, model, masked)
