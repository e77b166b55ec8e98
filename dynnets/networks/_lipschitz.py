"""Lipschitz and averagedness constants of flow networks at their present weights."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import NON_EXPANSIVE
from dynnets.integrators import ImplicitMidpoint
from dynnets.structure import EXACT, LOST, verdict

from ._constants import (
    compose_averagedness,
    contraction_factor,
    euler_averagedness,
    midpoint_averagedness,
)
from ._flow_network import FlowNetwork
from ._layer import is_euler, layer_sizes
from ._lift import Truncation, ZeroPadding


def lipschitz_bound(net: FlowNetwork) -> Float[Array, ""]:
    """An upper bound of the Lipschitz constant of a network in the 2-norm.

    The product over all parts of: the sharp factor of an Euler step down or up a ridge; one for
    a step within its non-expansive bound; `1 + |h| L` for Euler's method on another field with a
    known `lipschitz`; infinity where nothing is known. Norms by exact singular values, never by
    power iteration. At most one when `net.structure` has NON_EXPANSIVE. Differentiable.
    """

    def one(fields, step_sizes):
        sizes, _ = layer_sizes(net.steps, fields, step_sizes)
        factors = [_factor(*part) for part in zip(net.steps, fields, sizes, strict=True)]
        return jnp.prod(jnp.stack([jnp.asarray(f, _dtype(net)) for f in factors]))

    bound = jnp.prod(eqx.filter_vmap(one)(net.fields, net.step_sizes))
    for resize in (net.lift, net.project):
        bound = bound if resize is None else bound * resize.norm
    return jnp.minimum(bound, 1) if NON_EXPANSIVE in net.structure else bound


def _dtype(net: FlowNetwork):
    return jax.tree.leaves(eqx.filter(net.fields, eqx.is_inexact_array))[0].dtype


def _factor(step, field, h):
    """The Lipschitz constant of one step, or a bound of it."""
    if is_euler(step) and field.curvature is not None:
        return contraction_factor(h, *field.curvature)
    if NON_EXPANSIVE in field.structure:
        return jnp.where(_within(step, field, h), 1, jnp.inf)
    if is_euler(step) and field.lipschitz is not None:
        return 1 + jnp.abs(h) * field.lipschitz
    return jnp.inf


def _within(step, field, h):
    """Whether `h` satisfies the condition under which the step is non-expansive."""
    found = verdict(step, field, NON_EXPANSIVE)
    if found.status in (EXACT, LOST):
        return (h > 0) & (found.status == EXACT)
    return (h > 0) & (h * field.nu <= found.bound * _rounding(field.nu))


def _rounding(number) -> float:
    """One and a few units of round-off: a step taken at its bound is within it."""
    return 1 + 16 * float(jnp.finfo(number.dtype).eps)


def averagedness(net: FlowNetwork) -> Float[Array, ""]:
    """The `alpha` with which a network is known to be `alpha`-averaged, at its present weights.

    Below one: averaged, so iterations of it converge to a fixed point where there is one. One:
    1-Lipschitz only. Infinite: not even that is known. Layers compose by
    `compose_averagedness`; a `ZeroPadding` before and the `Truncation` back after keep `alpha`.
    Raises `ValueError` when the network's input and output differ in dimension.
    """
    _check_adjoint(net.lift, net.project)

    def one(fields, step_sizes):
        sizes, _ = layer_sizes(net.steps, fields, step_sizes)
        alphas = [_alpha(*part) for part in zip(net.steps, fields, sizes, strict=True)]
        return jnp.stack([jnp.asarray(a, _dtype(net)) for a in alphas])

    alphas = eqx.filter_vmap(one)(net.fields, net.step_sizes).reshape(-1)
    lost = (alphas > 1).any()
    kept = jnp.minimum(alphas, 1)
    total, _ = jax.lax.scan(lambda a, b: (compose_averagedness(a, b), None), kept[0], kept[1:])
    total = jnp.where(lost, jnp.inf, total)
    return jnp.minimum(total, 1) if NON_EXPANSIVE in net.structure else total


def _check_adjoint(lift, project) -> None:
    if lift is None and project is None:
        return
    adjoint = isinstance(lift, ZeroPadding) and isinstance(project, Truncation)
    if not (adjoint and (lift.before, lift.after) == (project.after, project.before)):
        raise ValueError(
            "only a map of a space into itself is averaged: pair ZeroPadding(d, n) with "
            f"Truncation(n, d), got {lift} and {project}"
        )


def _alpha(step, field, h):
    if NON_EXPANSIVE not in field.structure:
        return jnp.inf
    if field.nu is not None and (is_euler(step) or isinstance(step, ImplicitMidpoint)):
        rule = euler_averagedness if is_euler(step) else midpoint_averagedness
        alpha = rule(h, field.nu)
        known = (h > 0) & (alpha <= _rounding(alpha))
        return jnp.where(known, jnp.minimum(alpha, 1), jnp.inf)
    return jnp.where(_within(step, field, h), 1, jnp.inf)
