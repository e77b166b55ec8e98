"""The gradient by exact inverses is that of the discrete solution."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tol

from dynnets import fields as F, integrators as I

X0 = jnp.array([0.4, -0.3])


class Pendulum(eqx.Module):
    """`q' = args p`, `p' = -g sin q`, with a parameter in the term and one in `args`."""

    gravity: jax.Array

    def __call__(self, t, y, args):
        q, p = y
        return args * p, -self.gravity * jnp.sin(q) + 0.1 * jnp.cos(t)


def gradients(solver, field, y0, args, adjoint, t0=0.0, t1=1.0, dt0=0.1, **kwargs):
    def loss(varying):
        solver, field, y0, args = varying
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), solver, t0, t1, dt0, y0, args, adjoint=adjoint, **kwargs
        )
        leaves = jax.tree.leaves(solution.ys)
        finite = [jnp.where(jnp.isfinite(y), y, 0) for y in leaves]
        return sum(jnp.sum(jnp.sin(3.0 * y)) + jnp.sum(y[0] * y[-1]) for y in finite)

    return eqx.filter_jit(eqx.filter_grad(loss))((solver, field, y0, args))


def assert_same(solver, field, y0, args, **kwargs):
    found = gradients(solver, field, y0, args, I.InverseAdjoint(), **kwargs)
    expected = gradients(solver, field, y0, args, diffrax.DirectAdjoint(), **kwargs)
    pairs = list(zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True))
    assert pairs
    for a, b in pairs:
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= tol(X0.dtype)
    assert any(np.abs(np.asarray(a)).max() > 0.1 for a, _ in pairs)


STATE = (X0[:1], X0[1:])
SAVES = {
    "end": {},
    "times": {"saveat": diffrax.SaveAt(ts=jnp.array([0.0, 0.12, 0.13, 0.5, 0.97, 1.0]))},
    "every third step and all else": {
        "saveat": diffrax.SaveAt(t0=True, t1=True, ts=jnp.array([0.25, 0.75]), steps=3),
        "max_steps": 16,
    },
    "backwards": {
        "t0": 1.0,
        "t1": 0.0,
        "dt0": -0.15,
        "saveat": diffrax.SaveAt(ts=jnp.array([0.9, 0.2]), t1=True),
    },
    "given steps": {
        "dt0": None,
        "stepsize_controller": diffrax.StepTo(ts=jnp.array([0.0, 0.3, 0.35, 0.8, 1.0])),
    },
    "no length": {"t1": 0.0, "saveat": diffrax.SaveAt(ts=jnp.zeros(2), t1=True)},
}


@pytest.mark.parametrize("name", SAVES)
def test_equals_the_direct_adjoint_for_every_output(name):
    assert_same(
        I.as_solver(I.verlet_kdk),
        Pendulum(jnp.array(1.1)),
        STATE,
        jnp.array(0.9),
        **{"max_steps": 16, **SAVES[name]},
    )


@pytest.mark.parametrize(
    "step",
    [I.symplectic_euler, I.yoshida6, I.StormerVerlet(), I.adjoint(I.symplectic_euler)],
    ids=lambda step: step.info.name,
)
def test_equals_the_direct_adjoint_for_other_steps(step):
    saveat = diffrax.SaveAt(ts=jnp.array([0.33, 1.0]))
    field = Pendulum(jnp.array(1.1))
    assert_same(I.as_solver(step), field, STATE, jnp.array(0.9), saveat=saveat, max_steps=16)


def test_equals_the_direct_adjoint_for_fields_with_flows_of_their_own():
    field = F.ShearField(1, 1, 3, key=jax.random.key(0))
    x = jnp.array([0.3, -0.2])
    found = gradients(I.as_solver(I.strang, field), field, x, None, I.InverseAdjoint())
    expected = gradients(I.as_solver(I.strang, field), field, x, None, diffrax.DirectAdjoint())
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= tol(X0.dtype)


def test_is_mapped_over_initial_states_and_end_times():
    field, solver = Pendulum(jnp.array(1.1)), I.as_solver(I.verlet_kdk)

    def total(x, adjoint):
        def one(t1, scale):
            y0 = (scale * x[:1], x[1:])
            saveat = diffrax.SaveAt(ts=jnp.stack([0.5 * t1, t1]))
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(field),
                solver,
                0.0,
                t1,
                0.1,
                y0,
                jnp.array(0.9),
                adjoint=adjoint,
                saveat=saveat,
                max_steps=16,
            )
            return sum(jnp.sum(y**2) for y in solution.ys)

        return jnp.sum(jax.vmap(one)(jnp.array([0.3, 1.0]), jnp.array([1.0, 0.5])))

    gradient = eqx.filter_jit(jax.grad(total))
    a, b = (gradient(X0, adjoint) for adjoint in (I.InverseAdjoint(), diffrax.DirectAdjoint()))
    assert np.abs(np.asarray(a) - np.asarray(b)).max() <= tol(X0.dtype)


def test_memory_does_not_grow_with_the_number_of_steps():
    def size(steps, adjoint):
        def loss(x):
            solution = diffrax.diffeqsolve(
                diffrax.ODETerm(lambda t, y, args: (y[1], -jnp.sin(y[0]))),
                I.as_solver(I.verlet_kdk),
                0.0,
                1.0,
                1.0 / steps,
                (x, x),
                adjoint=adjoint,
                max_steps=steps,
            )
            return solution.ys[0].sum()

        x = jax.ShapeDtypeStruct((10_000,), jnp.float64)
        return jax.jit(jax.grad(loss)).lower(x).compile().memory_analysis().temp_size_in_bytes

    short, long = (size(steps, I.InverseAdjoint()) for steps in (16, 256))
    assert long <= 1.1 * short
    assert size(256, diffrax.DirectAdjoint()) > 2 * long


def test_what_has_no_way_back_is_refused_in_words():
    field, y0 = Pendulum(jnp.array(1.1)), STATE
    verlet = I.as_solver(I.verlet_kdk)
    controller = diffrax.PIDController(rtol=1e-3, atol=1e-3)
    dense = diffrax.SaveAt(dense=True)
    fn = diffrax.SaveAt(t1=True, fn=lambda t, y, args: y[0])
    event = diffrax.Event(lambda t, y, args, **_: y[0][0] > 9)
    half = diffrax.HalfSolver(verlet)
    for solver, message, kwargs in [
        (half, "as_solver.* got HalfSolver", {"stepsize_controller": controller}),
        (I.as_solver(I.ImplicitMidpoint()), "ImplicitMidpoint has no exact inverse", {}),
        (verlet, "an event and SaveAt\\(dense", {"saveat": dense, "event": event}),
        (verlet, "SaveAt\\(fn", {"saveat": fn}),
        (verlet, "max_steps=None", {"max_steps": None}),
    ]:
        with pytest.raises(ValueError, match=message):
            gradients(solver, field, y0, jnp.array(0.9), I.InverseAdjoint(), **kwargs)
