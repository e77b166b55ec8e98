"""Motions between two places: closed forms, saddles of the action, derivatives."""

import jax
import jax.numpy as jnp
import pytest
from helpers import assert_close

from dynnets import control as C, fields as F, integrators as I

START, END = jnp.array([0.3, -0.2]), jnp.array([0.1, 0.9])


def oscillator(t, q, v):
    return jnp.sum(v**2) / 2 - jnp.sum(q**2) / 2


def pendulums(t, q, v):
    coupling = v[0] * v[1] * jnp.cos(q[0] - q[1])
    return v[0] ** 2 + v[1] ** 2 / 2 + coupling + 2 * jnp.cos(q[0]) + jnp.cos(q[1])


def test_past_a_conjugate_point_the_action_is_a_saddle():
    """Four units of time, more than half a period: the exact motion, which descent would leave."""
    duration, n = 4.0, 40
    path = jax.jit(
        lambda: C.stationary_path(
            oscillator, START, END, (duration / n, n), rule=I.gauss_lagrangian
        )
    )()
    t = path.ts[:, None]
    exact = (START[None] * jnp.sin(duration - t) + END[None] * jnp.sin(t)) / jnp.sin(duration)
    assert float(jnp.abs(path.xs[:, :2] - exact).max()) <= 1e-5  # order 4: h^4 / 30
    rate = (END[None] * jnp.cos(t) - START[None] * jnp.cos(duration - t)) / jnp.sin(duration)
    assert float(jnp.abs(path.xs[:, 2:] - rate).max()) <= 1e-5

    def action(inner):
        nodes = jnp.concatenate([START[None], inner, END[None]])
        return I.discrete_action(oscillator, nodes, duration / n)

    inner = path.xs[1:-1, :2]
    curvature = jax.hessian(action)(inner).reshape(inner.size, inner.size)
    spectrum = jnp.linalg.eigvalsh(curvature)
    assert int(jnp.sum(spectrum < 0)) == 2  # one direction for each coordinate


def test_a_path_is_the_rollout_from_its_first_state():
    field = F.CanonicalLagrangianField(pendulums, quadratic=True)
    path = jax.jit(lambda: C.stationary_path(pendulums, START, END, (0.05, 20)))()
    orbit = jax.jit(lambda x: I.rollout(I.variational_midpoint, field, x, (0.05, 20)))(path.xs[0])
    assert_close(orbit.xs, path.xs, 20.0)


def test_derivatives_by_the_implicit_function_theorem():
    """The momentum at the end is the derivative of the action in the end."""
    ts, h = (0.1, 10), 1e-5

    def path(end):
        return C.stationary_path(pendulums, START, end, ts).xs

    def least(end):
        return I.discrete_action(pendulums, path(end)[:, :2], 0.1)

    run = jax.jit(path)
    slope, middle = jax.jit(lambda end: (jax.grad(least)(end), jax.jacfwd(path)(end)[5, 0]))(END)
    assert_close(slope, run(END)[-1, 2:], 10.0)
    away = jnp.array([h, 0.0])
    difference = (run(END + away) - run(END - away))[5, 0] / (2 * h)
    assert float(jnp.abs(middle[0] - difference)) <= 1e-8


def test_forces_and_bad_input():
    """With friction `-c v` on a free body: `q = a + b exp(-c t)`."""
    drag = 1.5
    path = jax.jit(
        lambda: C.stationary_path(
            lambda t, q, v: jnp.sum(v**2) / 2, jnp.zeros(1), jnp.ones(1), (0.05, 20),
            force=lambda t, q, v, args: -drag * v,
        )
    )()  # fmt: skip
    exact = jnp.expm1(-drag * path.ts) / jnp.expm1(-drag)
    assert float(jnp.abs(path.xs[:, 0] - exact).max()) <= 1e-4  # order 2: (c h)^2 / 12
    with pytest.raises(ValueError, match=r"\(2,\) and \(1,\)"):
        C.stationary_path(oscillator, START, jnp.ones(1), (0.1, 10))
    with pytest.raises(ValueError, match=r"guess.*\(11, 2\).*\(4, 2\)"):
        C.stationary_path(oscillator, START, END, (0.1, 10), guess=jnp.zeros((4, 2)))
    with pytest.raises(ValueError, match="n must be.*1"):
        C.stationary_path(oscillator, START, END, (0.1, 1))
    lost = jax.jit(lambda: C.stationary_path(lambda t, q, v: v[0] ** 2, START, END, (0.1, 4)))()
    assert bool(jnp.isnan(lost.xs[1:-1]).any())
