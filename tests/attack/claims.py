"""The claims of fields, steps and networks, each with its oracle and the size of what cancels."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dynnets.fields import CanonicalLagrangianField, LagrangianField, canonical_matrix
from dynnets.integrators import (
    FlowSplitting,
    LieGroupStep,
    Splitting,
    TaoField,
    TimeTransformed,
    step_info,
)
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
    return any(word in words for word in (SOLVES, "the root exists", "else NaN"))


def solver_inside(field) -> bool:
    """Whether a field itself solves equations that may have no solution."""
    inner = field.field if isinstance(field, TaoField) else field
    return isinstance(inner, CanonicalLagrangianField | LagrangianField)


class Size(NamedTuple):
    """`scale`: what a defect is large against; `size`: of the numbers that round-off acts on."""

    scale: jax.Array
    size: jax.Array


def energy_size(energy, t, x, y, h):
    """What the energy of a step from `x` to `y` could change by, and the size of its values."""
    before, after = energy(t, x), energy(t + h, y)
    way = jnp.abs(energy.gradient(t, x)).ravel() @ jnp.abs(y - x).ravel()
    scale = jnp.abs(before) + jnp.abs(after) + way
    return Size(scale, scale)


def norm_of(array):
    """The Frobenius norm, whatever the shape."""
    return jnp.linalg.norm(array.ravel())


def slope_of(function, x):
    """The Jacobian as a matrix."""
    return jax.jacfwd(lambda y: function(y.reshape(x.shape)).ravel())(x.ravel())


def slope_size(tag, slope, reach, matrix=None) -> Size:
    """Of a statement about a Jacobian whose entries were summed from numbers of size `reach`."""
    steep = norm_of(slope)
    unit = jnp.ones((), slope.dtype) if matrix is None else jnp.abs(matrix).max()
    if tag == VOLUME:
        size = (steep + reach) * norm_of(jnp.linalg.inv(slope))
    elif tag == NON_EXPANSIVE:
        size = steep + reach
    else:
        size = unit * (steep + reach) * (steep + 1)
    return Size(unit, jnp.maximum(size, unit))


def _extended(step, t, x):
    """Time and state that the field sees, where a step carries more than the state."""
    return (x[-2], x[:-2]) if isinstance(step, TimeTransformed) else (t, x)


class _Ends(NamedTuple):
    """A step from `x` to `y`: how fast both ends move, and how fast their neighbours part."""

    x: jax.Array
    y: jax.Array
    way: jax.Array
    reach: jax.Array


_LAST: list = [None, None, None]
"""The state that was traced last, its ends and its slope: all claims of a program share them."""


def _remembered(x, which, compute):
    if _LAST[0] is not x:
        _LAST[:] = [x, None, None]
    if _LAST[which] is None:
        _LAST[which] = compute()
    return _LAST[which]


def _ends(step, field, t, x, h, args) -> _Ends:
    y = step(field, t, x, h, args)
    way, reach = jnp.zeros((), x.dtype), jnp.ones((), x.dtype)
    for time, z in ((t, x), (t + h, y)):
        now, state = _extended(step, time, z)
        way += jnp.abs(h) * jnp.max(jnp.abs(field(now, state, args)))
        reach += jnp.abs(h) * norm_of(slope_of(lambda s, now=now: field(now, s, args), state))
    return _Ends(x, y, way, reach)


def pairing_size(tag, step, field, t, x, h, args) -> Size:
    """The size of what cancels in the oracle of `tag` for one step."""
    ends = _remembered(x, 1, lambda: _ends(step, field, t, x, h, args))
    if tag in (SYMPLECTIC, POISSON, VOLUME, NON_EXPANSIVE):
        matrix = jnp.asarray(field.matrix, x.dtype) if tag == POISSON else None
        slope = _remembered(x, 2, lambda: slope_of(*one_step_map(step, field, t, x, h, args)))
        return slope_size(tag, slope, ends.reach, matrix)
    if tag in (ENERGY, DISSIPATIVE):
        found = energy_size(field.energy, t, ends.x, ends.y, h)
        steep = jnp.abs(field.energy.gradient(t + h, ends.y)).max()
        return Size(found.scale, found.scale + steep * ends.way)
    before = jnp.abs(one_step_map(step, field, t, x, h, args)[1]).max()
    sizes = before + ends.way + jnp.abs(ends.y).max()
    if tag == SYMMETRIC and solver_behind(step):
        before = jnp.where(ends.reach < 1.5, before, jnp.nan)  # a long step may find another root
    if tag in (SYMMETRIC, REVERSIBLE):  # the rest of the way stretches what was rounded before
        return Size(before, ends.reach**2 * sizes)
    if tag == NORM:
        return Size(jnp.ones((), x.dtype), 1 + ends.way / jnp.abs(ends.y).max())
    scale = jnp.sum(jnp.abs(ends.x)) + jnp.sum(jnp.abs(ends.y)) + x.size * ends.way
    if tag == MOMENTUM and field.momentum is not None:
        scale = scale * jnp.abs(jax.jacfwd(field.momentum)(x)).max()
    if tag == ORTHOGONAL:
        scale = jnp.abs(x.T @ x).max()
    return Size(scale, scale)


def _pairing_defect(tag, args, tree, t, x, h):
    step, field = tree
    found = ROWS[tag].oracle(step, field, t, x, h, args)
    return found, pairing_size(tag, step, field, t, x, h, args)


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
    found, scale = _flow_terms(tag, args, field, t, x)
    return found, Size(scale, scale)


def _flow_terms(tag, args, field, t, x):
    """How the field itself misses what the tag of its exact flow says of it at `(t, x)`."""
    value = field(t, x, args)
    if tag in (SYMPLECTIC, POISSON, VOLUME, NON_EXPANSIVE):
        slope = jax.jacfwd(lambda y: field(t, y, args))(x)
        size = jnp.abs(slope).max() + jnp.finfo(x.dtype).tiny
        if tag == VOLUME:
            return jnp.abs(jnp.trace(slope)), size
        if tag == NON_EXPANSIVE:
            return jnp.maximum(jnp.linalg.eigvalsh(slope + slope.T)[-1], 0), size
        canonical = tag == SYMPLECTIC
        matrix = canonical_matrix(len(x) // 2, x.dtype) if canonical else field.matrix
        matrix = jnp.asarray(matrix, x.dtype)
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
    size = Size(scale, scale)
    if tag in (SYMPLECTIC, VOLUME, NON_EXPANSIVE):
        size = slope_size(tag, slope_of(function, x), scale)
    if tag == SUM:
        scale = jnp.sum(jnp.abs(x)) + jnp.sum(jnp.abs(function(x)))
        size = Size(scale, scale)
    return ROWS[tag].map_defect(function, x), size


def map_claims(tags, apply) -> tuple[Claim, ...]:
    """Tags of a bare map `apply(tree, t, x, h)`: those that a map alone can be asked for."""
    return tuple(
        Claim(tag.name, functools.partial(_map_defect, tag, apply), ROWS[tag].one_way)
        for tag in sorted(tags, key=str)
        if ROWS[tag].map_defect is not None
    )
