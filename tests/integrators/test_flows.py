"""Lie, Strang and higher orders over any number of exact flows; time; structure; diffrax."""

import functools
from typing import ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.analysis import observed_order
from dynnets.fields import AbstractField
from dynnets.structure import NON_EXPANSIVE, NORM, REVERSIBLE, ROWS, SYMMETRIC, VOLUME

X0 = jnp.array([0.6, -0.3, 0.8])


class Gyroscope(AbstractField):
    """`x' = x x (c(t) x)`, `x` crossed with the scaled `x`: three rotations, one per axis."""

    rates: jax.Array
    features_first: ClassVar[bool] = False

    @property
    def structure(self):
        return frozenset({NORM, VOLUME})

    def strengths(self, t):
        return self.rates * (1 + 0.5 * jnp.sin(jnp.asarray(t) + jnp.arange(3.0)))

    def __call__(self, t, x, args=None):
        return jnp.cross(x, self.strengths(t) * x)

    @property
    def flows(self):
        return tuple(functools.partial(self._turn, axis) for axis in range(3))

    def _turn(self, axis, t, x, h, args=None):
        """About one axis, by an angle that its own component sets: exact at fixed `t`."""
        a, b = (axis + 1) % 3, (axis + 2) % 3
        angle = h * self.strengths(t)[axis] * x[axis]
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        return x.at[a].set(cos * x[a] + sin * x[b]).at[b].set(cos * x[b] - sin * x[a])


class OneFlow(AbstractField):
    """`x' = -x cos t` by a single flow."""

    @property
    def structure(self):
        return frozenset({NON_EXPANSIVE})

    def __call__(self, t, x, args=None):
        return -x * jnp.cos(t)

    @property
    def flows(self):
        return (lambda t, x, h, args=None: x * jnp.exp(-h * jnp.cos(t)),)


GYROSCOPE = Gyroscope(jnp.array([0.5, 1.0, 2.0]))
STEPS = [I.lie, I.lie_adjoint, I.strang, *map(I.over_flows, (I.blanes_moan4, I.suzuki_umeno8))]


def test_the_flows_are_exact():
    for axis, flow in enumerate(GYROSCOPE.flows):
        rate = jax.jvp(lambda h, flow=flow: flow(0.3, X0, h), (0.0,), (1.0,))[1]
        part = jnp.zeros(3).at[axis].set(GYROSCOPE.strengths(0.3)[axis] * X0[axis])
        assert float(jnp.abs(rate - jnp.cross(X0, part)).max()) <= tol(X0.dtype)
        assert float(jnp.abs(flow(0.3, flow(0.3, X0, 0.4), -0.4) - X0).max()) <= tol(X0.dtype)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_order_and_structure_with_three_parts_that_depend_on_time(step):
    runs = {1: (1.0, 16), 2: (1.0, 16), 4: (2.0, 8), 8: (4.0, 8)}[step.order]
    slope = observed_order(step, GYROSCOPE, X0, runs[0], steps=runs[1], levels=3)
    assert abs(float(slope) - step.order) <= 0.3
    tags = T.structure_of(step, GYROSCOPE)
    assert {NORM, REVERSIBLE} <= tags
    assert (SYMMETRIC in tags) is (step.order > 1)
    for tag in tags:
        assert float(ROWS[tag].oracle(step, GYROSCOPE, 0.2, X0, 0.3)) <= tol(X0.dtype), tag


def test_with_kick_and_drift_it_is_the_splitting_itself():
    field = F.mechanical_field(
        jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0]) + q[0] * jnp.sin(t))
    )
    x = jnp.array([0.4, -0.3])
    pairs = [
        (I.lie, I.symplectic_euler),
        (I.lie_adjoint, I.symplectic_euler_adjoint),
        (I.strang, I.verlet_kdk),
        (I.over_flows(I.ruth3), I.ruth3),
        (I.over_flows(I.verlet_dkd), I.verlet_dkd),
        (I.over_flows(I.blanes_moan6), I.blanes_moan6),
    ]
    for flows, splitting in pairs:
        difference = flows(field, 0.3, x, 0.2) - splitting(field, 0.3, x, 0.2)
        assert float(jnp.abs(difference).max()) <= tol(x.dtype), splitting.name
        assert flows.info.symmetric == splitting.info.symmetric


def test_a_single_flow_is_split_from_its_clock():
    x, exact = jnp.array([1.0]), jnp.array([jnp.exp(-jnp.sin(1.0))])
    assert float(jnp.abs(I.lie(OneFlow(), 0.0, x, 1.0) - exact)[0]) > 0.05
    slope = observed_order(I.strang, OneFlow(), x, 1.0, steps=8, levels=3, exact=exact)
    assert abs(float(slope) - 2) <= 0.2
    assert NON_EXPANSIVE in T.structure_of(I.strang, OneFlow())
    assert NON_EXPANSIVE not in T.structure_of(I.over_flows(I.yoshida4), OneFlow())


def test_diffrax_runs_flows_forwards_backwards_with_output_events_and_adjoints():
    solver = I.as_solver(I.strang, GYROSCOPE)
    term = diffrax.ODETerm(GYROSCOPE)

    @eqx.filter_jit
    def solve(t0, t1, dt0, x, **kwargs):
        return diffrax.diffeqsolve(term, solver, t0, t1, dt0, x, **kwargs)

    there = solve(0.0, 1.0, 0.1, X0, saveat=diffrax.SaveAt(ts=jnp.array([0.5, 1.0])))
    xs = I.rollout(I.strang, GYROSCOPE, X0, (0.1, 10)).xs
    assert float(jnp.abs(there.ys - xs[jnp.array([5, 10])]).max()) <= tol(X0.dtype)
    back = solve(1.0, 0.0, -0.1, there.ys[-1])
    assert float(jnp.abs(back.ys[-1] - X0).max()) <= tol(X0.dtype)
    event = diffrax.Event(lambda t, y, args, **_: y[0] < 0.5)
    stopped = solve(0.0, 20.0, 0.1, X0, event=event)
    assert 0.0 < float(stopped.ts[-1]) < 20.0
    gradient = jax.grad(lambda x: solve(0.0, 1.0, 0.1, x).ys[-1].sum())(X0)
    direct = jax.grad(lambda x: I.rollout(I.strang, GYROSCOPE, x, (0.1, 10)).xs[-1].sum())(X0)
    assert float(jnp.abs(gradient - direct).max()) <= tol(X0.dtype)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="sum to one"):
        I.FlowSplitting("broken", 2, (0.5, 0.4), "nobody")
    with pytest.raises(ValueError, match=r"call as_solver\(step, field\)"):
        I.as_solver(I.strang)
    with pytest.raises(ValueError, match="verlet_kdk needs .*drift and kick.*strang"):
        T.structure_of(I.verlet_kdk, GYROSCOPE)
    general = F.HamiltonianField(E.QuadraticEnergy(jnp.eye(2)))
    with pytest.raises(ValueError, match="lie needs .*flows; HamiltonianField .*ImplicitMidpoint"):
        I.lie(general, 0.0, jnp.ones(2), 0.1)
    with pytest.raises(ValueError, match="not zero, got 0.0"):
        I.rollout(I.strang, GYROSCOPE, X0, (0.0, 3))
