"""The way back through one step: its inverse and its pullback at the price of one of them.

A kick `p' = p + c h k(q)` leaves `q` as it is, so one evaluation of `k` serves both: it takes the
kick back, and its pullback carries the cotangent of `p'` to `q` and to the parameters. Where the
last part of a step and the first of the next one are of the same kind, both share it.

The words of this file: a cotangent, named with `_bar`, is the derivative of the loss by the
quantity of that name. A segment is the run of steps between two saved states. A sweep goes through
the segments from the last to the first. It calls `meet` at a saved state, `interior` for what
belongs to one step alone, `between` for what two steps of a segment share, and `leave` at the very
beginning. At a saved state the rebuilt state is dropped for the saved one, so that round-off does
not pile up, and the cotangents that the loss sends into that state are added.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, PyTree

from dynnets._core import join_phase, split_phase
from dynnets.fields import AbstractField

from ._repeat import HALF, stages
from ._splitting import Splitting
from ._step import AbstractStep, step_info


class Back(NamedTuple):
    """What the way back carries.

    - `x`, `x_bar`: the state and its cotangent, both as the sweep keeps them.
    - `model`: cotangent of the differentiated leaves of `(step, field, args)`.
    - `start`, `h`: cotangents of the segment's first time and of its step, or zeros.
    """

    x: PyTree
    x_bar: PyTree
    model: PyTree
    start: Array
    h: Array


class Clock(NamedTuple):
    """Step `i` of a segment begins at `start + i h`."""

    start: Array
    h: Array

    def __call__(self, count):
        """The time after `count` steps, an integer plus a fraction."""
        return self.start + count * self.h


class StepSweep:
    """Any step with an exact inverse: one `inverse` and one pullback of the step."""

    def __init__(self, varied, fixed, timed: bool):
        self.varied, self.fixed, self.timed = varied, fixed, timed

    def unpack(self, x):
        """The state as this sweep keeps it."""
        return x

    pack = unpack

    def meet(self, back: Back, x, x_bar, clock: Clock, h_after, count):
        """Start afresh at a saved state; also what it was rebuilt to."""
        del clock, h_after, count
        fresh = Back(x, back.x_bar + x_bar, back.model, *_zeros(back.start, back.h))
        return fresh, back.x, (back.start, back.h)

    def between(self, back: Back, clock: Clock, count):
        """What two steps of the same segment share after `count` steps: nothing."""
        return back

    def interior(self, back: Back, clock: Clock, index) -> Back:
        """Undo step number `index` of the segment."""
        step, field, args = eqx.combine(self.varied, self.fixed)
        x = step.inverse(field, clock(index), back.x, clock.h, args)

        def again(varied, t, h, x):
            step, field, args = eqx.combine(varied, self.fixed)
            return step(field, t, x, h, args)

        inputs = (self.varied, clock(index), clock.h, x)
        model, t_bar, h_bar, x_bar = _pull(again, inputs, back.x_bar, self.timed)
        back = _add(back, model, t_bar, index)
        return back._replace(x=x, x_bar=x_bar, h=back.h + h_bar)

    def leave(self, back: Back, clock: Clock):
        """The state and the cotangents at the beginning."""
        return back


class SplittingSweep:
    """Kicks and drifts, each undone with the evaluation that it is differentiated with."""

    def __init__(self, splitting: Splitting, varied, fixed, timed: bool, shared: bool):
        self.varied, self.fixed, self.timed = varied, fixed, timed
        parts = stages(splitting)
        self.joint = None
        if shared and len(parts) % 2:
            (part, first, _), *parts, (_, last, _) = parts
            self.joint = (part, first, last)
        self.stages = parts[::-1]

    def unpack(self, x):
        """Both halves."""
        return split_phase(x)

    def pack(self, halves):
        """The state of both halves."""
        return join_phase(*halves)

    def meet(self, back: Back, x, x_bar, clock: Clock, h_after, count):
        """Undo the first part of the later step, start afresh, undo the last of the earlier one."""
        x, x_bar = split_phase(x), split_phase(x_bar)
        if self.joint is None:
            sums = jtu.tree_map(jnp.add, back.x_bar, x_bar)
            fresh = Back(x, sums, back.model, *_zeros(back.start, back.h))
            return fresh, back.x, (back.start, back.h)
        # The later step began, and the earlier one ends, with the same part at the same place: its
        # rate reads the half that did not move, which is that of the saved state. One evaluation
        # serves both. The cotangent that arrives at the saved state goes to the earlier part alone,
        # since the later one acts after that state.
        part, first, last = self.joint
        m = HALF[part]
        later = back.x_bar[m]
        earlier = later + x_bar[m]
        weight = first * h_after * later + last * clock.h * earlier
        rate, model, t_bar, kept_bar = self._rate(part, clock(count), x[1 - m], weight)
        rebuilt = _pair(m, back.x[m] - first * h_after * rate, back.x[1 - m])
        finished = back.start, back.h + self._share(first, later, rate)
        moved = x[m] - last * clock.h * rate
        halves = _pair(m, moved, x[1 - m])
        bars = _pair(m, earlier, back.x_bar[1 - m] + x_bar[1 - m] + kept_bar)
        fresh = Back(halves, bars, back.model, *_zeros(back.start, back.h))
        fresh = _add(fresh, model, t_bar, count)
        return fresh._replace(h=fresh.h + self._share(last, earlier, rate)), rebuilt, finished

    def between(self, back: Back, clock: Clock, count):
        """The last part of a step and the first of the next one, in one."""
        if self.joint is None:
            return back
        part, first, last = self.joint
        return self._undo(back, part, first + last, clock, count)

    def interior(self, back: Back, clock: Clock, index) -> Back:
        """Undo the parts of step number `index` that it shares with no other one."""
        for part, weight, fraction in self.stages:
            back = self._undo(back, part, weight, clock, index + fraction)
        return back

    def leave(self, back: Back, clock: Clock):
        """Undo the very first part."""
        if self.joint is None:
            return back
        part, first, _ = self.joint
        return self._undo(back, part, first, clock, jnp.zeros_like(clock.h))

    def _undo(self, back: Back, part: str, weight: float, clock: Clock, count) -> Back:
        # x'_m = x_m + w h rate(x_kept): the kept half is the same before and after, so the rate at
        # the state at hand is the one that was added, and its pullback is that of the forward pass
        m = HALF[part]
        bar = back.x_bar[m]
        push = weight * clock.h * bar
        rate, model, t_bar, kept_bar = self._rate(part, clock(count), back.x[1 - m], push)
        back = _add(back, model, t_bar, count)
        return back._replace(
            x=_pair(m, back.x[m] - weight * clock.h * rate, back.x[1 - m]),
            x_bar=_pair(m, bar, back.x_bar[1 - m] + kept_bar),
            h=back.h + self._share(weight, bar, rate),
        )

    def _rate(self, part: str, t, kept, rate_bar):
        def rate(varied, t, y):
            _, field, args = eqx.combine(varied, self.fixed)
            return getattr(field, part)(t, y, args)

        if self.timed:
            value, pull = jax.vjp(rate, self.varied, t, kept)
            return value, *pull(rate_bar)
        value, pull = jax.vjp(lambda varied, y: rate(varied, t, y), self.varied, kept)
        model, kept_bar = pull(rate_bar)
        return value, model, None, kept_bar

    def _share(self, weight: float, bar, rate):
        return weight * jnp.sum(bar * rate) if self.timed else jnp.zeros((), rate.dtype)


def _pair(moved: int, a, b) -> tuple:
    """Both halves in order, `a` being the one that moved."""
    return (b, a) if moved else (a, b)


def _zeros(*arrays):
    return tuple(jnp.zeros_like(a) for a in arrays)


def _add(back: Back, model, t_bar, count) -> Back:
    """Gather the cotangents of the model and of the time after `count` steps."""
    back = back._replace(model=jtu.tree_map(jnp.add, back.model, model))
    if t_bar is None:
        return back
    # the time after `count` steps is start + count h: its cotangent goes to both
    return back._replace(start=back.start + t_bar, h=back.h + count * t_bar)


def _pull(function, inputs, cotangent, timed: bool):
    """Cotangents of `(varied, t, h, x)`; those of `t` and `h` are left out unless `timed`."""
    varied, t, h, x = inputs
    if timed:
        return jax.vjp(function, *inputs)[1](cotangent)
    pull = jax.vjp(lambda varied, x: function(varied, t, h, x), varied, x)[1]
    model, x_bar = pull(cotangent)
    return model, None, jnp.zeros_like(h), x_bar


def sweep_of(step, varied, fixed, timed: bool, shared: bool = True):
    """The cheapest sweep for `step`; `varied` and `fixed` part `(step, field, args)`.

    `shared`: whether steps of the same field follow each other, so that they share evaluations.
    """
    if isinstance(step, Splitting):
        return SplittingSweep(step, varied, fixed, timed, shared)
    return StepSweep(varied, fixed, timed)


def undo_step(step: AbstractStep, field: AbstractField | Callable, t, x, h, args, x_bar):
    """Take one step back and pull a cotangent back through it, without its input at hand.

    **Arguments:** `x`: the state after the step; `x_bar`: its cotangent; the others as of a step.

    **Returns** the state before the step and the cotangents of `(step, field, t, x, h, args)`,
    `None` for every leaf that is not a floating-point array. Cost: one evaluation and one
    pullback for each part of a splitting; else one inverse, one step and its pullback.
    Raises `ValueError` for a step without an exact inverse.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import undo_step, verlet_kdk
    >>> from dynnets.systems import Harmonic
    >>> field, x = Harmonic().field, jnp.array([1.0, 0.0])
    >>> after = verlet_kdk(field, 0.0, x, 0.1)
    >>> before, bars = undo_step(verlet_kdk, field, 0.0, after, 0.1, None, jnp.ones(2))
    >>> bool(jnp.abs(before - x).max() < 1e-6)
    True

    ```
    """
    check_invertible(step)
    t, h = jnp.asarray(t, x.dtype), jnp.asarray(h, x.dtype)
    varied, fixed = eqx.partition((step, field, args), eqx.is_inexact_array)
    sweep = sweep_of(step, varied, fixed, True, shared=False)
    zeros = jtu.tree_map(jnp.zeros_like, varied)
    back = Back(sweep.unpack(x), sweep.unpack(x_bar), zeros, *_zeros(t, h))
    back = sweep.interior(back, Clock(t, h), jnp.zeros_like(h))
    step_bar, field_bar, args_bar = back.model
    bars = (step_bar, field_bar, back.start, sweep.pack(back.x_bar), back.h, args_bar)
    return sweep.pack(back.x), bars


def check_invertible(step) -> None:
    """Raise `ValueError` for a step without an exact inverse."""
    if not (isinstance(step, AbstractStep) and step.info.invertible):
        raise ValueError(
            f"{step_info(step).name} has no exact inverse to rebuild its trajectory with; "
            "verlet_kdk and every other splitting has, for other steps leave `adjoint` out"
        )
