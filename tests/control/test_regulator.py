"""Linear quadratic regulators against closed forms, their equations, and simulated costs."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.control import dlqr, lqr

ONE = jnp.ones((1, 1))


def _random(d=4, m=2):
    keys = jr.split(jr.key(3), 4)
    a, b = jr.normal(keys[0], (d, d)), jr.normal(keys[1], (d, m))
    q, r = jr.normal(keys[2], (d, d)), jr.normal(keys[3], (m, m))
    return a, b, q @ q.T, r @ r.T + jnp.eye(m)


def test_scalar_systems_have_their_closed_form():
    """`p = r (a + sqrt(a^2 + b^2 q / r)) / b^2`, stable and unstable systems."""
    solve = jax.jit(lqr)
    for a, b, q, r in ((-1.0, 2.0, 3.0, 0.5), (2.0, 0.1, 3.0, 4.0), (1e-3, 1.0, 1e-2, 1e3)):
        exact = r * (a + (a**2 + b**2 * q / r) ** 0.5) / b**2
        found = solve(a * ONE, b * ONE, q * ONE, r * ONE)
        np.testing.assert_allclose(found.cost, [[exact]], rtol=1e-11)


def test_the_double_integrator_and_the_golden_ratio():
    a, b = jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.array([[0.0], [1.0]])
    found = lqr(a, b, jnp.eye(2), ONE)
    root = 3**0.5
    np.testing.assert_allclose(found.gain, [[1.0, root]], rtol=1e-12)
    np.testing.assert_allclose(found.cost, [[root, 1.0], [1.0, root]], rtol=1e-12)
    golden = (1 + 5**0.5) / 2
    np.testing.assert_allclose(dlqr(ONE, ONE, ONE, ONE).cost, [[golden]], rtol=1e-14)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_riccati_equations_hold_and_loops_are_stable(dtype):
    a, b, q, r = (part.astype(dtype) for part in _random())
    found = jax.jit(lqr)(a, b, q, r)
    p = found.cost
    residual = a.T @ p + p @ a - p @ b @ jnp.linalg.solve(r, b.T) @ p + q
    size = float(jnp.abs(p).max())
    assert p.dtype == dtype
    assert float(jnp.abs(residual).max()) <= tol(dtype, size * (1 + size))
    assert np.linalg.eigvals(np.asarray(found.closed_loop)).real.max() < 0
    found = jax.jit(dlqr)(a, b, q, r)
    p = found.cost
    residual = a.T @ p @ found.closed_loop + q - p
    assert float(jnp.abs(residual).max()) <= tol(dtype, float(jnp.abs(p).max()) * 10)
    assert np.abs(np.linalg.eigvals(np.asarray(found.closed_loop))).max() < 1


def test_the_cost_is_that_of_the_controlled_motion():
    a, b, q, r = _random(3, 1)
    x = jnp.array([1.0, -2.0, 0.5])
    found = dlqr(a, b, q, r)

    def forward(x, _):
        u = -found.gain @ x
        return found.closed_loop @ x, x @ q @ x + u @ r @ u

    costs = jax.lax.scan(forward, x, None, length=400)[1]
    np.testing.assert_allclose(jnp.sum(costs), x @ found.cost @ x, rtol=1e-10)
    fine = 1e-4  # the continuous regulator is the limit of discrete ones
    limit = dlqr(jnp.eye(3) + fine * a, fine * b, fine * q, fine * r)
    np.testing.assert_allclose(limit.gain, lqr(a, b, q, r).gain, rtol=1e-2)


def test_derivatives_are_those_of_the_solution():
    """Central differences of step 1e-5 are right to 1e-8 relative."""
    a, b, q, r = _random(3, 1)

    def trace(c, regulator):
        return jnp.trace(regulator(c * a, b, c**2 * q, r).cost)

    for regulator in (lqr, dlqr):
        slope = jax.jit(jax.grad(trace), static_argnums=1)(jnp.array(1.0), regulator)
        ends = [jax.jit(trace, static_argnums=1)(1 + s, regulator) for s in (-1e-5, 1e-5)]
        np.testing.assert_allclose(slope, (ends[1] - ends[0]) / 2e-5, rtol=1e-6)


def test_systems_without_a_regulator_are_refused():
    """An unstable mode that no input reaches, or that the cost does not see."""
    a, b = jnp.diag(jnp.array([1.0, -1.0])), jnp.array([[0.0], [1.0]])
    unseen = jnp.diag(jnp.array([0.0, 1.0]))
    for regulator, system in ((lqr, a), (dlqr, 2 * a)):
        for given in ((system, b, jnp.eye(2), ONE), (system, b[::-1], unseen, ONE)):
            with pytest.raises(ValueError, match="no regulator: a mode that does not decay"):
                regulator(*given)
            assert bool(jnp.isnan(jax.jit(regulator)(*given).gain).all())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((jnp.ones((2, 3)), jnp.ones((2, 1)), jnp.eye(2), ONE), r"a must be \(d, d\).*\(2, 3\)"),
        ((jnp.eye(2), jnp.ones((3, 1)), jnp.eye(2), ONE), r"b \(d, m\), got.*\(3, 1\)"),
        ((jnp.eye(2), jnp.ones((2, 1)), jnp.eye(3), ONE), r"q must be \(2, 2\)"),
        ((jnp.eye(2), jnp.ones((2, 1)), jnp.eye(2), jnp.eye(2)), r"r \(1, 1\)"),
        ((jnp.eye(2), jnp.ones((2, 1)), -jnp.eye(2), ONE), "q must be positive semidefinite"),
        ((jnp.eye(2), jnp.ones((2, 1)), jnp.eye(2), 0 * ONE), "r must be positive definite"),
        (
            (jnp.eye(2), jnp.ones((2, 1)), jnp.array([[1.0, 1.0], [0.0, 1.0]]), ONE),
            "q must be symmetric",
        ),
        ((jnp.nan * jnp.eye(2), jnp.ones((2, 1)), jnp.eye(2), ONE), "a must be finite"),
    ],
)
def test_matrices_that_do_not_fit_are_refused(arguments, message):
    for regulator in (lqr, dlqr):
        with pytest.raises(ValueError, match=message):
            regulator(*arguments)
