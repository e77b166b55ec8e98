"""Discrete mechanics: the action, its Euler-Lagrange equations, forces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_close, tol

from dynnets import fields as F, integrators as I

RULES = [I.midpoint_lagrangian, I.trapezoidal_lagrangian, I.gauss_lagrangian]
rules = pytest.mark.parametrize("rule", RULES, ids=["midpoint", "trapezoid", "gauss"])
two_rules = pytest.mark.parametrize("rule", RULES[::2], ids=["midpoint", "gauss"])
H = 0.1
PATH = jnp.array([[0.0, 0.3], [0.2, 0.25], [0.35, 0.1], [0.6, -0.2]])


def pendulums(t, q, v):
    coupling = v[0] * v[1] * jnp.cos(q[0] - q[1])
    return v[0] ** 2 + v[1] ** 2 / 2 + coupling + 2 * jnp.cos(q[0]) + jnp.cos(q[1]) * (1 + 0.1 * t)


def friction(t, q, v, args):
    return -0.4 * v


@rules
def test_equations_are_the_gradient_of_the_action(rule):
    def action(inner):
        path = jnp.concatenate([PATH[:1], inner, PATH[-1:]])
        return I.discrete_action(pendulums, path, H, t0=0.5, rule=rule)

    @jax.jit
    def both(path):
        equations = I.discrete_euler_lagrange(pendulums, path, H, t0=0.5, rule=rule)
        return jax.grad(action)(path[1:-1]), equations

    slope, equations = both(PATH)
    assert_close(slope, equations, 100.0)  # round-off times 1 / h


@two_rules
def test_two_step_form_is_the_step_of_states(rule):
    field = F.CanonicalLagrangianField(pendulums, friction, quadratic=True)
    step = jax.jit(lambda t, x: I.VariationalStep(rule)(field, t, x, H))
    xs = [jnp.array([0.5, -0.2, 0.3, 0.4])]
    for k in range(2):
        xs.append(step(k * H, xs[-1]))
    options = {"rule": rule, "force": friction}
    after = I.discrete_euler_lagrange_step(pendulums, xs[0][:2], xs[1][:2], H, t=H, **options)
    assert_close(after, xs[2][:2])
    path = jnp.stack([x[:2] for x in xs])
    assert_close(I.discrete_euler_lagrange(pendulums, path, H, **options), jnp.zeros((1, 2)), 10.0)


def test_the_one_form_of_a_force():
    """Its derivative is the work; derivatives of that are those of the force."""

    def force(t, q, v, args):
        return args * jnp.stack([q[1] ** 2, v[0] + t])  # no potential has this

    def free(t, q, v):
        return jnp.sum(v**2) / 2

    pushed = I.forced_lagrangian(free, force, 3.0)
    t, q, v = jnp.asarray(0.2), PATH[0], PATH[1]
    assert_close(jax.grad(pushed, 1)(t, q, v), force(t, q, v, 3.0))
    slopes = jax.jacfwd(jax.grad(pushed, 1), argnums=(0, 1, 2))(t, q, v)
    expected = jax.jacfwd(lambda t, q, v: force(t, q, v, 3.0), argnums=(0, 1, 2))(t, q, v)
    for found, wanted in zip(slopes, expected, strict=True):
        assert_close(found, wanted)
    assert I.forced_lagrangian(free, None) is free
    size = jax.grad(lambda a: jax.grad(I.forced_lagrangian(free, force, a), 1)(t, q, v)[1])
    assert_close(size(3.0), v[0] + t)


@two_rules
def test_forces_keep_the_order(rule):
    field = F.CanonicalLagrangianField(pendulums, friction, quadratic=True)
    x = jnp.array([0.5, -0.2, 0.3, 0.4])
    order = 4 if rule is I.gauss_lagrangian else 2
    run = jax.jit(
        lambda step, n: I.rollout(step, field, x, (1.0 / n, n)).xs[-1], static_argnums=(0, 1)
    )
    exact = run(I.rk4, 400)  # its error is below 1e-10 here
    errors = [float(jnp.abs(run(I.VariationalStep(rule), n) - exact).max()) for n in (8, 16)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_quadratic_lagrangians_give_the_cayley_map():
    """`L = v^2 / 2 - q K q / 2`: the midpoint rule is `(I - h A / 2)^{-1} (I + h A / 2)`."""
    matrix = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    field = F.CanonicalLagrangianField(
        lambda t, q, v: jnp.sum(v**2) / 2 - jnp.dot(q, matrix @ q) / 2, quadratic=True
    )
    zero, one = jnp.zeros((2, 2)), jnp.eye(2)
    linear = jnp.block([[zero, one], [-matrix, zero]])
    half = 0.15 * linear
    cayley = jnp.linalg.solve(jnp.eye(4) - half, jnp.eye(4) + half)
    x = jnp.array([0.5, -0.2, 0.3, 0.4])

    @jax.jit
    def values(x):
        y = I.variational_midpoint(field, 0.0, x, 0.3)
        return y, field.energy(0.0, y) - field.energy(0.0, x)

    y, gained = values(x)
    assert float(jnp.abs(y - cayley @ x).max()) <= 1e-13
    assert float(jnp.abs(gained)) <= 1e-13


def test_single_precision_has_no_cancellation():
    """Steps of 1e-4: `(q1 - q0) / h` of the nodes would have lost four of seven digits."""
    field = F.CanonicalLagrangianField(pendulums, quadratic=True)
    x = jnp.array([0.5, -0.2, 0.3, 0.4])
    step = jax.jit(lambda x: I.variational_midpoint(field, 0.0, x, 1e-4))
    exact, single = step(x), step(x.astype(jnp.float32))
    assert float(jnp.abs(single.astype(x.dtype) - exact).max()) <= 10 * tol(single.dtype) / 1e4


def test_short_paths_are_refused():
    with pytest.raises(ValueError, match="nodes.*2"):
        I.discrete_euler_lagrange(pendulums, PATH[:2], H)
    with pytest.raises(ValueError, match="nodes.*1"):
        I.discrete_action(pendulums, PATH[:1], H)
