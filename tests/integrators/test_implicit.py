"""The solver of the implicit steps, and what implicit Euler and the midpoint rule keep."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I

STIFF = jnp.array([[-1000.0, 999.0], [0.0, -1.0]])


def stiff(t, x, args=None):
    return STIFF @ x


def test_linear_fields_match_their_resolvents():
    x, h, unit = jnp.array([1.0, -0.5]), 0.1, jnp.eye(2)
    euler = jnp.linalg.solve(unit - h * STIFF, x)
    midpoint = jnp.linalg.solve(unit - h / 2 * STIFF, (unit + h / 2 * STIFF) @ x)
    assert float(jnp.abs(I.ImplicitEuler()(stiff, 0.0, x, h) - euler).max()) <= tol(x.dtype)
    assert float(jnp.abs(I.ImplicitMidpoint()(stiff, 0.0, x, h) - midpoint).max()) <= tol(x.dtype)


def test_scales_do_not_stop_the_solve():
    """States of size 1e-8 and 1e8, in both precisions: converged, and equal up to the scale."""
    for dtype in (jnp.float32, jnp.float64):
        x = jnp.array([0.3, -0.7], dtype)
        # the pendulum in units in which the state has size s: a nonlinear equation at any scale
        step = jax.jit(
            lambda s, x: I.ImplicitMidpoint()(
                lambda t, y, args=None: s * jnp.stack([y[1] / s, -jnp.sin(y[0] / s)]),
                0.0,
                s * x,
                0.5,
            )
        )
        for s in (1e-8, 1e8):
            scaled = step(jnp.asarray(s, dtype), x) / jnp.asarray(s, dtype)
            assert float(jnp.abs(scaled - step(jnp.ones((), dtype), x)).max()) <= tol(dtype)
    assert bool((I.ImplicitMidpoint()(stiff, 0.0, jnp.zeros(2), 0.1) == 0).all())


def test_gradients_are_those_of_the_equation():
    """`x' = x - h k x'` gives `d x' / d k = -h x / (1 + h k)^2`, also at second order."""
    x, h, k = jnp.array([2.0]), 0.5, jnp.array(3.0)
    end = lambda k: I.ImplicitEuler()(lambda t, y, args=None: -k * y, 0.0, x, h)[0]  # noqa: E731
    assert float(jax.grad(end)(k)) == pytest.approx(-h * 2 / (1 + h * 3) ** 2, rel=1e-12)
    second = jax.jit(jax.grad(jax.grad(end)))(k)
    assert float(second) == pytest.approx(2 * h**2 * 2 / (1 + h * 3) ** 3, rel=1e-12)


def test_distances_of_monotone_fields_do_not_grow_for_long_steps():
    weight = 3 * jr.normal(jr.key(0), (6, 3))
    pairs = jr.normal(jr.key(1), (16, 2, 3))
    descent = lambda t, z, args=None: -weight.T @ jnp.tanh(weight @ z)  # noqa: E731

    @jax.jit
    def ratios(h):
        def apart(step):
            ends = jax.vmap(jax.vmap(lambda z: step(descent, 0.0, z, h)))(pairs)
            before, after = (jnp.linalg.norm(e[:, 0] - e[:, 1], axis=1) for e in (pairs, ends))
            return (after / before).max()

        return jnp.stack([apart(I.ImplicitEuler(50)), apart(I.ImplicitMidpoint(50))])

    assert float(ratios(0.5).max()) <= 1 + 1e-12


def test_failure_is_nan_and_counted():
    field = F.HamiltonianField(E.FunctionEnergy(lambda t, x: jnp.exp(4 * x[0] ** 2) + x[1] ** 2))
    orbit = eqx.filter_jit(I.rollout)(
        I.ImplicitEuler(max_steps=1), field, jnp.array([0.8, -0.6]), (0.5, 3)
    )
    assert int(orbit.finite_steps) == 0
    with pytest.raises(ValueError, match="max_steps.*0"):
        I.ImplicitEuler(max_steps=0)


def test_derivatives_of_a_failed_solve_are_not_finite_and_do_not_raise():
    """Forward, reverse and compiled: what calls the step sees NaN, never an error from inside."""

    def end(k, x):
        field = lambda t, y, args=None: jnp.exp(k * y**2)  # noqa: E731
        return I.ImplicitMidpoint()(field, 0.0, x, 3.0).sum()

    x = jnp.array([0.8, -0.6])
    for slope in (jax.grad(end, argnums=1), jax.jacfwd(end, argnums=1), jax.hessian(end)):
        assert bool(jnp.isnan(jax.jit(slope)(jnp.array(4.0), x)).all())
    assert bool(jnp.isfinite(jax.jit(jax.grad(end, argnums=1))(jnp.array(-1.0), x)).all())


def test_a_batch_takes_its_own_inputs():
    field = F.PortHamiltonianField(
        E.QuadraticEnergy(jnp.eye(2)), F.ConstantDamping(jnp.eye(1)), jnp.ones((1, 1))
    )
    xs, us = jr.normal(jr.key(3), (2, 3)), jr.normal(jr.key(4), (1, 3))
    both = I.ImplicitMidpoint()(field, 0.0, xs, 0.1, us)
    loop = [I.ImplicitMidpoint()(field, 0.0, xs[:, i], 0.1, us[:, i]) for i in range(3)]
    assert float(jnp.abs(both - jnp.stack(loop, axis=1)).max()) <= tol(xs.dtype)
