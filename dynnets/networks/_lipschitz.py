"""Lipschitz and averagedness constants of a composition of layers, at its present weights."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from ._constants import compose_averagedness
from ._factors import eps_of, part_averagedness, part_factor, part_rounding, product_of
from ._layer import layer_sizes
from ._lift import AbstractResize


def layers_lipschitz(steps, fields, step_sizes, resizes, *, evaluated: bool) -> Array:
    """The bound that `lipschitz_bound` names, of the parts of a network."""

    def factors(step, field, h, eps):
        factor = part_factor(step, field, h)
        return factor + part_rounding(step, field, h, eps) if evaluated else factor

    each = _each_part(factors, steps, fields, step_sizes)
    bound = product_of(jax.vmap(product_of)(each))
    eps = _precision((fields, step_sizes))
    for resize in resizes:
        # one is exact, and takes no rounding to compute
        if resize is not None and resize.norm > 1:
            margin = 4 * eps * (resize.before + resize.after) if evaluated else 4 * eps
            bound = bound * (resize.norm * (1 + margin))
    return jnp.where(_finite((fields, step_sizes)), bound, jnp.inf)


def layers_averagedness(steps, fields, step_sizes, resizes) -> Array:
    """The constant that `averagedness` names, of the parts of a network."""
    lift, project = resizes
    if not maps_into_itself(lift, project):
        raise ValueError(
            "only a map of a space into itself is averaged: pair ZeroPadding(d, n) with "
            f"Truncation(n, d), got {lift} and {project}"
        )
    alphas = _each_part(part_averagedness, steps, fields, step_sizes).reshape(-1)
    known = (alphas <= 1).all()
    kept = jnp.where(known, alphas, jnp.ones_like(alphas))
    total, _ = jax.lax.scan(lambda a, b: (compose_averagedness(a, b), None), kept[0], kept[1:])
    # each composition rounds by some units, and what it does to earlier errors is to shrink them
    total = jnp.minimum(total + 8 * eps_of(alphas) * len(alphas), 1)
    exact = layers_lipschitz(steps, fields, step_sizes, resizes, evaluated=False)
    only = jnp.where(exact <= 1, jnp.ones_like(total), jnp.inf)
    return jnp.where(_finite((fields, step_sizes)), jnp.where(known, total, only), jnp.inf)


def maps_into_itself(lift: AbstractResize | None, project: AbstractResize | None) -> bool:
    """Whether the map with these ends is one of a space into itself, and as averaged as its layers:
    no ends, or one the adjoint of the other and both isometric on the smaller space.
    """
    first, last = (None if end is None or end.identity else end for end in (lift, project))
    if first is None or last is None:
        return first is last
    return first.norm <= 1 and eqx.tree_equal(first.adjoint, last) is True


def _each_part(rule: Callable, steps: Sequence, fields, step_sizes) -> Array:
    """`rule(step, field, h, eps)` of every part of every layer, `(depth, parts)`.

    Sizes are those that the network computes, in its own precision; of half precision the rest is
    computed in the default precision, from the same weights.
    """
    eps = _precision((fields, step_sizes))

    def one(fields, step_sizes):
        sizes, _ = layer_sizes(steps, fields, step_sizes)
        dtype = _dtype(fields)
        sizes = tuple(jnp.asarray(h, dtype) for h in sizes)
        fields, sizes = _widened((fields, sizes))
        return jnp.stack([rule(*part, eps) for part in zip(steps, fields, sizes, strict=True)])

    return eqx.filter_vmap(one)(fields, step_sizes)


def _leaves(tree) -> list[Array]:
    return jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))


def _dtype(tree):
    return _leaves(tree)[0].dtype


def _precision(tree) -> float:
    """The spacing at one of the coarsest dtype among the arrays."""
    return max(eps_of(leaf) for leaf in _leaves(tree))


def _widened(tree):
    """Arrays of half precision in the default one."""

    def wide(leaf):
        half = eqx.is_inexact_array(leaf) and jnp.finfo(leaf.dtype).bits < 32
        return leaf.astype(float) if half else leaf

    return jax.tree.map(wide, tree)


def _finite(tree) -> Array:
    """Whether every number of the network is one: a bias that is not makes outputs that are not."""
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in _leaves(tree)]).all()
