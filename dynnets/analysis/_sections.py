"""Poincare sections: where an orbit passes a plane, to the accuracy of an integrator."""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynnets._core import check_choice, check_finite, check_increasing
from dynnets.fields import AbstractField
from dynnets.integrators import RungeKutta

DIRECTIONS = ("up", "down", "both")
"""Which crossings count: those with the component growing, shrinking, or all."""


class Section(NamedTuple):
    """The crossings of one orbit in order of time: `ts (m,)`, `xs (m, d)`."""

    ts: Array
    xs: Array


class _ByComponent(AbstractField):
    """`d(t, x)/dx_k = (1, f) / f_k`: the field with component `k` in the place of time."""

    field: Any
    component: int = eqx.field(static=True)

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, level, state, args=None):
        """The rates of time and state per unit of the component; the state is `(t, x)`."""
        rate = self.field(state[0], state[1:], args)
        return jnp.concatenate([jnp.ones_like(state[:1]), rate]) / rate[self.component]


@eqx.filter_jit
def _land(field, component, level, ts, xs, args):
    """From each `(t, x)` to the plane in one step in which the component is the time."""
    turned, step = _ByComponent(field, component), RungeKutta(diffrax.Dopri8())

    def one(t, x):
        state = jnp.concatenate([t[None], x])
        landed = step(turned, x[component], state, level - x[component], args)
        return landed[0], landed[1:].at[component].set(level)

    return jax.vmap(one)(ts, xs)


def poincare_section(
    field: AbstractField,
    ts,
    xs,
    component: int,
    *,
    level: float | int = 0.0,
    direction: str = "up",
    args: Any = None,
) -> Section:
    """Where the orbit `xs` at the times `ts` passes the plane `x[component] = level`.

    A change of sign between two samples brackets a crossing. From the nearer of the two one step
    of order 8 leads onto the plane, with that component as the independent variable (Henon's
    trick): the error is that of one step over less than half a sampling interval, no root is
    searched for, and every state lies on the plane exactly.

    **Arguments:** `field`: the one that the orbit solves, `f(t, x, args)`, or that it solves to
    its own accuracy (the true one for a learned flow); `ts (n,)`, `xs (n, d)`: samples
    so close that the component is monotone in between; `component`: `k`; `direction`:
    `"up"`, `"down"` or `"both"`.

    **Returns** a `Section`; it is empty when there is no crossing. Raises `ValueError` for times
    that do not increase, states that are not finite or of another number, an unknown direction
    and a component out of range.
    Source: M. Henon, Physica D 5, 1982.
    """
    check_choice("direction", direction, DIRECTIONS)
    check_increasing("ts", ts)
    check_finite("xs", xs)
    xs = jnp.asarray(xs)
    ts = jnp.asarray(ts, xs.dtype)
    if xs.ndim != 2 or xs.shape[0] != ts.shape[0]:
        raise ValueError(f"one state per time is needed, got {xs.shape} for {ts.shape}")
    if not 0 <= component < xs.shape[1]:
        raise ValueError(f"component must be one of {xs.shape[1]}, got {component}")
    value = np.asarray(xs[:, component]) - level
    up, down = (value[:-1] < 0) & (value[1:] >= 0), (value[:-1] > 0) & (value[1:] <= 0)
    before = np.flatnonzero({"up": up, "down": down, "both": up | down}[direction])
    after_is_nearer = np.abs(value[before + 1]) < np.abs(value[before])
    start = before + after_is_nearer
    if not start.size:
        return Section(ts[:0], xs[:0])
    return Section(*_land(field, component, level, ts[start], xs[start], args))


def section_spread(points, *, neighbours: int = 1) -> Array:
    """How far a section is from a smooth closed curve: near zero for one, of order one for a cloud.

    The points are put in the order of their angle about their centre; the result is the median of
    the distance from each radius to the line between the radii of the points `neighbours` before
    and after it, over the median radius. It asks for a curve that is star-shaped about its centre.
    Raises `ValueError` for fewer than five points or another shape.
    """
    points = jnp.asarray(points)
    if points.ndim != 2 or points.shape[1] != 2 or points.shape[0] < 5:
        raise ValueError(f"a section has at least five points (m, 2), got {points.shape}")
    about = points - jnp.mean(points, axis=0, keepdims=True)
    angle = jnp.arctan2(about[:, 1], about[:, 0])
    order = jnp.argsort(angle)
    angle, radius = angle[order], jnp.sqrt(jnp.sum(about[order] ** 2, axis=1))
    turn = 2 * jnp.pi

    def side(shift):
        gap = jnp.mod(jnp.roll(angle, shift) - angle, turn)
        return jnp.roll(radius, shift), jnp.where(shift > 0, gap - turn, gap)

    (low, behind), (high, ahead) = side(neighbours), side(-neighbours)
    expected = low + (high - low) * (-behind) / (ahead - behind)
    return jnp.median(jnp.abs(radius - expected)) / jnp.median(radius)
