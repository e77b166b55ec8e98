"""The claims of fields, steps and networks, each with its oracle and the size of what cancels."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from dynnets.fields import CanonicalLagrangianField, LagrangianField, canonical_matrix
from dynnets.integrators import FlowSplitting, LieGroupStep, Splitting, TaoField, step_info
from dynnets.structure import (
    CONDITIONAL,
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    REVERSIBLE,
    ROWS,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    one_step_map,
    structure_of,
    verdict,
)

from .judge import Claim

SOLVES = "the solve converges"
"""How a step with a solver says when its claims hold."""


def solver_behind(step) -> bool:
    """Whether a step may answer NaN by its own condition."""
    words = step_info(step).condition
    return any(word in words for word in (SOLVES, "the root exists", "else NaN", "keeps rho"))


def solver_inside(field) -> bool:
    """Whether a field itself solves equations that may have no solution."""
    inner = field.field if isinstance(field, TaoField) else field
    return isinstance(inner, CanonicalLagrangianField | LagrangianField)


def energy_size(energy, t, x, y, h):
    """What the energy of a step from `x` to `y` could change by, and the size of its values."""
    before, after = energy(t, x), energy(t + h, y)
    way = jnp.abs(energy.gradient(t, x)).ravel() @ jnp.abs(y - x).ravel()
    return jnp.abs(before) + jnp.abs(after) + way


def _of_state(step, field, t, x, h, args):
    return jnp.maximum(jnp.abs(one_step_map(step, field, t, x, h, args)[1]).max(), 0)


def _sum_size(step, field, t, x, h, args):
    return jnp.sum(jnp.abs(x)) + jnp.sum(jnp.abs(step(field, t, x, h, args)))


def _energy_size(step, field, t, x, h, args):
    return energy_size(field.energy, t, x, step(field, t, x, h, args), h)


def _momentum_size(step, field, t, x, h, args):
    weight = 1.0
    if field.momentum is not None:
        weight = jnp.abs(jax.jacfwd(field.momentum)(x)).max()
    return weight * _sum_size(step, field, t, x, h, args)


def _bracket_size(step, field, t, x, h, args):
    return jnp.abs(field.matrix).max()


def _gram_size(step, field, t, x, h, args):
    return jnp.abs(x.T @ x).max()


def _one(step, field, t, x, h, args):
    return jnp.ones((), x.dtype)


SIZES = {
    SYMPLECTIC: _one,
    POISSON: _bracket_size,
    VOLUME: _one,
    ENERGY: _energy_size,
    MOMENTUM: _momentum_size,
    DISSIPATIVE: _energy_size,
    SYMMETRIC: _of_state,
    REVERSIBLE: _of_state,
    NORM: _one,
    SUM: _sum_size,
    ORTHOGONAL: _gram_size,
    NON_EXPANSIVE: _one,
}
"""The size of the numbers that cancel in the oracle of each tag."""


def _pairing_defect(tag, args, tree, t, x, h):
    step, field = tree
    found = ROWS[tag].oracle(step, field, t, x, h, args)
    size = SIZES[tag](step, field, t, x, h, args)
    if tag == SYMMETRIC and solver_behind(step):
        size = jnp.where(_one_root(step, field, t, x, h, args), size, jnp.nan)
    return found, size


def _one_root(step, field, t, x, h, args):
    """Whether the step is short enough that its equation has one root near by, from both ends."""

    def speed_up(time, y):
        return jnp.linalg.norm(jax.jacfwd(lambda z: field(time, z, args))(y).ravel())

    fastest = jnp.maximum(speed_up(t, x), speed_up(t + h, step(field, t, x, h, args)))
    return jnp.abs(h) * fastest < 0.5


def pairing_value(args, tree, t, x, h):
    """The step itself."""
    step, field = tree
    return step(field, t, x, h, args)


def _bounded_sizes(tag, found, tree):
    """Steps at the bound, just below it, and far below."""
    field = tree[1]
    constant = float(field.nu if tag == NON_EXPANSIVE else field.lipschitz)
    if not (np.isfinite(constant) and constant > 0):
        return np.zeros(0)
    # float32 holds the step: the next number below the bound, never one above it
    at = np.nextafter(np.float32(found.bound / constant), np.float32(0))
    return np.array([1.0, 0.999, 0.5, 0.01]) * float(at)


def pairing_claims(step, field, args) -> tuple[Claim, ...]:
    """What is derived of a step on a field: kept tags, and those with a bound on `h`."""
    solves = solver_behind(step) or solver_inside(field)
    rotates = isinstance(step, LieGroupStep | FlowSplitting | Splitting)
    claims = []
    for tag in sorted(structure_of(step, field), key=str):
        if tag == DISSIPATIVE and args is not None:
            continue
        defect = functools.partial(_pairing_defect, tag, args)
        claims.append(
            Claim(tag.name, defect, ROWS[tag].one_way, None, solves, rotates and tag == NORM)
        )
    for tag in (NON_EXPANSIVE, DISSIPATIVE):
        if tag not in field.structure or args is not None:
            continue
        found = verdict(step, field, tag)
        known = field.nu if tag == NON_EXPANSIVE else field.lipschitz
        if found.status == CONDITIONAL and known is not None:
            defect = functools.partial(_pairing_defect, tag, args)
            sizes = functools.partial(_bounded_sizes, tag, found)
            claims.append(Claim(f"{tag.name} to the bound", defect, True, sizes, solves))
    return tuple(claims)


def _flow_defect(tag, args, field, t, x, h):
    """How the field itself misses what the tag of its exact flow says of it at `(t, x)`."""
    value = field(t, x, args)
    if tag in (SYMPLECTIC, POISSON, VOLUME, NON_EXPANSIVE):
        slope = jax.jacfwd(lambda y: field(t, y, args))(x)
        size = jnp.abs(slope).max() + jnp.finfo(x.dtype).tiny
        if tag == VOLUME:
            return jnp.abs(jnp.trace(slope)), size
        if tag == NON_EXPANSIVE:
            return jnp.maximum(jnp.linalg.eigvalsh(slope + slope.T)[-1], 0), size
        matrix = field.matrix if tag == POISSON else canonical_matrix(len(x) // 2, x.dtype)
        product = slope @ matrix
        return jnp.abs(product - product.T).max(), size * jnp.abs(matrix).max()
    if tag in (ENERGY, DISSIPATIVE):
        terms = field.energy.gradient(t, x) * value
        power = jnp.sum(terms)
        size = jnp.sum(jnp.abs(terms)) + jnp.finfo(x.dtype).tiny
        return (jnp.abs(power) if tag == ENERGY else jnp.maximum(power, 0)), size
    size = jnp.sum(jnp.abs(value)) + jnp.finfo(x.dtype).tiny
    if tag == SUM:
        return jnp.abs(jnp.sum(value)), size
    if tag == MOMENTUM:
        weights = jax.jacfwd(field.momentum)(x)
        return jnp.abs(weights @ value).max(), size * jnp.abs(weights).max()
    if tag == NORM:
        return jnp.abs(jnp.sum(x * value)), size * jnp.abs(x).max()
    change = x.T @ value
    return jnp.abs(change + change.T).max(), size * jnp.abs(x).max()


def field_claims(field, args) -> tuple[Claim, ...]:
    """What a field says of its exact flow, as a statement about its values and slopes."""
    kept = field.structure - ({DISSIPATIVE} if args is not None else set())
    return tuple(
        Claim(
            f"field {tag.name}",
            functools.partial(_flow_defect, tag, args),
            solves=solver_inside(field),
        )
        for tag in sorted(kept, key=str)
    )


def field_value(args, field, t, x, h):
    """The field itself."""
    return field(t, x, args)


def _map_defect(tag, apply, tree, t, x, h):
    def function(y):
        return apply(tree, t, y, h)

    scale = jnp.ones((), x.dtype)
    if tag == SUM:
        scale = jnp.sum(jnp.abs(x)) + jnp.sum(jnp.abs(function(x)))
    return ROWS[tag].map_defect(function, x), scale


def map_claims(tags, apply) -> tuple[Claim, ...]:
    """Tags of a bare map `apply(tree, t, x, h)`: those that a map alone can be asked for."""
    return tuple(
        Claim(tag.name, functools.partial(_map_defect, tag, apply), ROWS[tag].one_way)
        for tag in sorted(tags, key=str)
        if ROWS[tag].map_defect is not None
    )
