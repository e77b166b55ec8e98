"""Invariants by correction: any step, put back onto the level set that it left."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import ENERGY, MOMENTUM, NORM, ORTHOGONAL, SUM, Tag, check_size, newton

from ._implicit import each_state, is_batch
from ._step import AbstractStep, StepInfo, check_parts, step_info

_TAGS = (ENERGY, NORM, ORTHOGONAL)


def _half_square(t, x):
    return jnp.sum(x**2) / 2


def _gram(t, x):
    """The entries of `Q^T Q` on and above the diagonal."""
    return (x.T @ x)[jnp.triu_indices(x.shape[1])]


def _check_invariant(invariant):
    if isinstance(invariant, Tag) and invariant not in _TAGS:
        raise ValueError(f"an invariant is ENERGY, NORM, ORTHOGONAL or g(t, x), got {invariant}")
    if not callable(invariant) and not isinstance(invariant, Tag):
        raise ValueError(f"an invariant is ENERGY, NORM, ORTHOGONAL or g(t, x), got {invariant!r}")


def _function(invariant, field) -> Callable:
    """The invariant as a function `g(t, x)`."""
    if invariant == ENERGY:
        return field.energy
    return {NORM: _half_square, ORTHOGONAL: _gram}.get(invariant, invariant)


def _corrected(step, invariants, name, keeps, condition, source, imposes=(), **orders) -> StepInfo:
    inner = step_info(step)
    needs = inner.needs | ({"energy"} if ENERGY in invariants else frozenset())
    return StepInfo(
        name=f"{name}({inner.name})",
        order=inner.order,
        needs=needs,
        keeps=frozenset(keeps),
        imposes=frozenset(keeps) & frozenset(imposes),
        symmetric=False,
        invertible=False,
        evaluations=None,
        condition=condition,
        source=source,
        **orders,
    )


class Projected(AbstractStep):
    """A step followed by the nearest way back to the level set of given invariants.

    With `y` the step's result and `G = dg(y)`: `x' = y + G^T c`, `g(x') = g(x_0)`, `c` by Newton
    to round-off. In a rollout the level is that of its first state, so round-off does not add up.
    The order is that of the step.

    Preserves: the invariants alone. What else the step kept is lost at its order (the symplectic
    form, symmetry, other linear or quadratic invariants).

    **Arguments:** `step`: any step, its memory is not used; `invariants`: one or a tuple of
    `ENERGY` (the field's `energy`), `NORM`, `ORTHOGONAL` (`Q^T Q` of a matrix state) and functions
    `g(t, x)` with values `()` or `(m,)`; they must be independent, also where an invariant is
    stationary (equilibria are left alone). `max_steps`: the largest number of Newton's iterations;
    no convergence gives NaN. Cost: the step, `m` gradients, about 3 evaluations of `g`. Raises
    `ValueError` for no or unknown invariants. Source: Hairer, Lubich, Wanner, Geometric Numerical
    Integration, 2006, IV.4.
    """

    step: AbstractStep | Callable
    invariants: tuple[Tag | Callable, ...]
    max_steps: int = eqx.field(static=True)

    def __init__(self, step, invariants, *, max_steps: int = 20):
        invariants = invariants if isinstance(invariants, tuple) else (invariants,)
        if not invariants:
            raise ValueError("a projection needs at least one invariant, got ()")
        for invariant in invariants:
            _check_invariant(invariant)
        step_info(step)
        check_size("max_steps", max_steps)
        self.step, self.invariants, self.max_steps = step, invariants, max_steps

    @property
    def info(self):
        """`StepInfo`: the order of the step; keeps the invariants, and the norm of any field."""
        # what corrects a quadratic invariant is as small as the step's defect of one
        quadratic = all(tag in (NORM, ORTHOGONAL) for tag in self.invariants)
        defect = step_info(self.step).defect_order if quadratic else None
        return _corrected(
            self.step,
            self.invariants,
            "Projected",
            {tag for tag in self.invariants if isinstance(tag, Tag)},
            "the invariants do not depend on time and the solve converges (else NaN)",
            "Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006",
            imposes=(NORM,),
            defect_order=defect,
        )

    def _level(self, field, t, x) -> Array:
        parts = [jnp.ravel(_function(g, field)(t, x)) for g in self.invariants]
        return jnp.concatenate(parts)

    def start(self, field, t, x, h, args=None):
        """The level of the invariants at the first state."""
        check_parts(self, field)
        return each_state(lambda y, _: self._level(field, t, y), field, x, None)

    def advance(self, field, t, x, h, args, memory):
        """The step, then the projection."""
        after = self.step(field, t, x, h, args)
        back = lambda y, level: _project(  # noqa: E731
            lambda z: self._level(field, t + h, z), y, level, self.max_steps
        )
        if is_batch(field, x):
            back = jax.vmap(back, in_axes=-1, out_axes=-1)
        return back(after, memory), memory


def _project(constraint: Callable, y, level, max_steps: int) -> Array:
    """`y + G^T c` on the level set, for one state."""
    _, pull = jax.vjp(constraint, y)
    lengths = jnp.stack([jnp.sum(pull(row)[0] ** 2) for row in jnp.eye(level.size, dtype=y.dtype)])
    regular = lengths > 0  # a stationary invariant cannot be corrected, nor need it be

    def residual(c):
        shift = jnp.where(regular, c / jnp.where(regular, lengths, 1), 0)
        gap = constraint(y + pull(shift)[0]) - level
        return jnp.where(regular, gap, c)

    size = jnp.maximum(jnp.abs(level).max(), jnp.sqrt(jnp.max(lengths)) * jnp.abs(y).max())
    weights = newton(residual, jnp.zeros_like(level), size, max_steps)
    return y + pull(jnp.where(regular, weights / jnp.where(regular, lengths, 1), 0))[0]


class Relaxation(AbstractStep):
    """A step shortened or lengthened along itself until it keeps one scalar invariant.

    `x' = x + g (y - x)` with `y` the step's result and the root `g = 1 + O(h^(p - 1))` of
    `H(x') = H(x)`. The state then belongs to the time `t + g h`. A rollout carries that lag
    and takes it into account in the size of the next step, so that its states stay within
    `O(h^p)` of the times asked for and the order is that of the step; a single call is off by
    `(g - 1) h` in time, one order less.

    Preserves: the invariant, and the linear invariants that the step keeps. Symmetry is lost; so
    is the symplectic form, by `O(h^p)` per call, since the size depends on the state.

    **Arguments:** `step`: of order 2 or more, its memory is not used; `invariant`: `ENERGY` (the
    field's `energy`), `NORM`, or a function `g(t, x)` with a scalar value. Where `y` misses the
    level by no more than round-off, `g = 1` (0/0). `max_steps`: the largest number of Newton's
    iterations; no root near 1 gives NaN. Cost: the step and about 3 values of the invariant. Raises
    `ValueError` for a step of order 1 and an unknown invariant. Fields must not depend on time when
    single calls are used. Source: Ketcheson, SIAM Journal on Numerical Analysis 57, 2019.
    """

    step: AbstractStep | Callable
    invariant: Tag | Callable
    max_steps: int = eqx.field(static=True)

    def __init__(self, step, invariant, *, max_steps: int = 20):
        _check_invariant(invariant)
        if invariant == ORTHOGONAL:
            raise ValueError("relaxation keeps one scalar: ENERGY, NORM or g(t, x), got ORTHOGONAL")
        if step_info(step).order < 2:
            raise ValueError(f"relaxation needs a step of order 2, got {step_info(step).name}")
        check_size("max_steps", max_steps)
        self.step, self.invariant, self.max_steps = step, invariant, max_steps

    @property
    def info(self):
        """`StepInfo`: the order of the step; keeps the invariant and linear ones."""
        inner = step_info(self.step)
        norm = self.invariant == NORM
        own = {self.invariant} if isinstance(self.invariant, Tag) else set()
        return _corrected(
            self.step,
            (self.invariant,),
            "Relaxation",
            own | (inner.keeps & {SUM, MOMENTUM}),
            "the invariant does not depend on time and the root exists (else NaN); order: in a "
            "rollout",
            "Ketcheson, SIAM Journal on Numerical Analysis 57, 2019",
            # along the way invariants change by h^2 only; the factor's own derivative is longer
            defect_order=inner.order - 1,
            invariant_order=inner.order_of_loss("defect_order") if norm else inner.order,
        )

    def start(self, field, t, x, h, args=None):
        """How far the state's own time lags behind: zero, one per column of a batch."""
        check_parts(self, field)
        return jnp.zeros(x.shape[1:] if is_batch(field, x) else (), x.dtype)

    def advance(self, field, t, x, h, args, memory):
        """The step from the state's own time to `t + h`, relaxed."""
        function = _function(self.invariant, field)

        def one(y, u, lag):
            size = lag + h
            way = self.step(field, t - lag, y, size, u) - y
            factor = _relaxation(lambda z: function(t, z), y, way, self.max_steps)
            return y + factor * way, (1 - factor) * size

        if not is_batch(field, x):
            return one(x, args, memory)
        axis = -1 if eqx.is_array(args) and args.ndim == 2 else None
        return jax.vmap(one, in_axes=(-1, axis, 0), out_axes=(-1, 0))(x, args, memory)


def _relaxation(function: Callable, x, way, max_steps: int) -> Array:
    """The root near 1 of `H(x + g way) = H(x)`; 1 where that holds already, up to round-off."""
    finfo = jnp.finfo(x.dtype)
    level = function(x)
    after, slope = jax.jvp(function, (x + way,), (way,))
    size = jnp.abs(level) + jnp.abs(after)
    kept = jnp.abs(after - level) <= 16 * float(finfo.eps) * size
    unit = jax.lax.stop_gradient(jnp.where(kept, 1, jnp.abs(slope) + float(finfo.tiny)))

    def residual(factor):
        gap = (function(x + factor * way) - level) / unit
        return jnp.where(kept, factor - 1, gap)

    noise = 2 * float(finfo.eps) ** (1 / 3) * size / unit
    return newton(residual, jnp.ones_like(level), jnp.maximum(noise, 1), max_steps)
