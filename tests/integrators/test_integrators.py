"""Coefficients, memory, times, status and the diffrax bridge."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import assert_close, tol
from hypothesis import given, settings, strategies as st

from dynnets import energies as E, fields as F, integrators as I, models as M, structure as T
from dynnets.data import Trajectories, simulate
from dynnets.systems import Harmonic

X0 = jnp.array([0.4, -0.3])


def oscillator(dtype=jnp.float64):
    return F.mechanical_field(jnp.ones(1, dtype), E.QuadraticEnergy(jnp.eye(1, dtype=dtype)))


def pendulum():
    return F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0])))


def forced():
    """`H = p^2/2 + q^2/2 - q cos(2 t)`, with a closed form."""
    return F.mechanical_field(
        jnp.ones(1), E.FunctionEnergy(lambda t, q: q[0] ** 2 / 2 - q[0] * jnp.cos(2.0 * t))
    )


def forced_solution(t):
    """From `q = p = 0`: `q = (cos t - cos 2 t) / 3`."""
    return jnp.array([(jnp.cos(t) - jnp.cos(2 * t)) / 3, (-jnp.sin(t) + 2 * jnp.sin(2 * t)) / 3])


def test_triple_jump_meets_the_order_conditions():
    weights = I.triple_jump((0.5, 1.0, 0.5), 2)
    kicks, drifts = weights[::2], weights[1::2]
    assert sum(kicks) == pytest.approx(1, abs=1e-15)
    assert sum(drifts) == pytest.approx(1, abs=1e-15)
    # Two triple-jump factors with w1 = 1 / (2 - 2^(1/3)): the cubes cancel.
    assert sum(w**3 for w in drifts) == pytest.approx(0, abs=1e-14)
    with pytest.raises(ValueError, match="3"):
        I.triple_jump((0.5, 1.0, 0.5), 3)


def test_coefficients_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match="sum to one"):
        I.Splitting("broken", 2, "kick", (0.5, 0.9, 0.5), "nobody")
    with pytest.raises(ValueError, match="push"):
        I.Splitting("broken", 2, "push", (0.5, 1.0, 0.5), "nobody")


@pytest.mark.parametrize(
    "step", [I.symplectic_euler, I.verlet_kdk, I.verlet_dkd, I.yoshida4, I.Tao(2.0)]
)
def test_order_holds_for_time_dependent_energies(step):
    def error(n):
        xs = eqx.filter_jit(I.rollout)(step, forced(), jnp.zeros(2), (2.0 / n, n)).xs
        return float(jnp.abs(xs[-1] - forced_solution(2.0)).max())

    order = step.info.order
    slope = jnp.log2(error(40) / error(80))
    assert abs(float(slope) - order) <= 0.25


@pytest.mark.parametrize("step", [I.verlet_kdk, I.yoshida4])
def test_energy_error_stays_bounded_for_ten_thousand_steps(step):
    field = pendulum()
    xs = eqx.filter_jit(I.rollout)(step, field, X0, (0.1, 10_000)).xs
    errors = jnp.abs(jax.vmap(lambda x: field.energy(0.0, x))(xs) - field.energy(0.0, X0))
    early, late = float(errors[:1000].max()), float(errors[-1000:].max())
    assert late <= 1.01 * early


def test_runge_kutta_energy_drifts_with_its_own_order():
    """The comparison that makes the one above a statement: fourth order and still a drift."""
    field = pendulum()
    step = I.RungeKutta(diffrax.Bosh3())
    xs = eqx.filter_jit(I.rollout)(step, field, X0, (0.1, 2000)).xs
    errors = jnp.abs(jax.vmap(lambda x: field.energy(0.0, x))(xs) - field.energy(0.0, X0))
    assert float(errors[-1]) > 5 * float(errors[200])


def test_implicit_midpoint_keeps_quadratic_invariants_and_reports_failure():
    field = F.HamiltonianField(E.QuadraticEnergy(jnp.array([[2.0, 0.3], [0.3, 1.0]])))
    orbit = eqx.filter_jit(I.rollout)(I.ImplicitMidpoint(), field, X0, (0.5, 200))
    energy = jax.vmap(lambda x: field.energy(0.0, x))(orbit.xs)
    assert float(jnp.abs(energy - energy[0]).max()) <= tol(energy.dtype)
    assert int(orbit.finite_steps) == 200
    stiff = F.HamiltonianField(E.FunctionEnergy(lambda t, x: jnp.exp(4 * x[0] ** 2) + x[1] ** 2))
    failed = I.rollout(I.ImplicitMidpoint(max_steps=1), stiff, 2 * X0, (0.5, 4))
    assert int(failed.finite_steps) == 0
    assert bool(jnp.isnan(failed.xs[-1]).all())


def test_irregular_times_and_substeps_agree_with_equal_steps():
    field = pendulum()
    fine = I.rollout(I.verlet_kdk, field, X0, (0.05, 12)).xs
    coarse = I.rollout(I.verlet_kdk, field, X0, (0.1, 6), substeps=2).xs
    assert float(jnp.abs(coarse - fine[::2]).max()) <= tol(fine.dtype)
    ts = 0.05 * jnp.array([0.0, 1.0, 3.0, 4.0, 8.0])
    irregular = I.rollout(I.verlet_kdk, field, X0, ts)
    y = X0
    for a, b in zip(ts, ts[1:], strict=False):
        y = I.verlet_kdk(field, a, y, b - a)
    assert float(jnp.abs(irregular.xs[-1] - y).max()) <= tol(y.dtype)


@given(seed=st.integers(0, 2**30), h=st.floats(0.01, 0.3), n=st.integers(1, 40))
@settings(max_examples=10, deadline=None)
def test_going_back_returns_to_the_start(seed, h, n):
    x0 = jr.normal(jr.key(seed), (2,))
    there = I.rollout(I.yoshida4, pendulum(), x0, (h, n)).xs[-1]
    back = I.rollout(I.yoshida4, pendulum(), there, (-h, n)).xs[-1]
    assert float(jnp.abs(back - x0).max()) <= tol(x0.dtype, n)


def test_a_plain_function_is_a_step():
    def euler(field, t, x, h, args=None):
        return x + h * field(t, x, args)

    orbit = I.rollout(euler, oscillator(), X0, (0.1, 3))
    assert orbit.xs.shape == (4, 2)
    with pytest.raises(ValueError, match="FunctionStep"):
        I.step_info(euler)
    step = I.FunctionStep(euler, I.StepInfo("euler", 1, source="Euler 1768"))
    assert T.structure_of(step, oscillator()) == frozenset()
    assert_close(I.rollout(step, oscillator(), X0, (0.1, 3)).xs, orbit.xs)
    with pytest.raises(ValueError, match="inverse"):
        I.FunctionStep(euler, I.StepInfo("euler", 1, invertible=True))


def test_overflow_is_reported_not_hidden():
    runaway = F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -(q[0] ** 4)))
    orbit = eqx.filter_jit(I.rollout)(I.verlet_kdk, runaway, jnp.array([3.0, 3.0]), (0.5, 30))
    assert 0 < int(orbit.finite_steps) < 30


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: I.rollout(I.verlet_kdk, f, X0, jnp.array([0.0, 1.0, 1.0])), "increase"),
        (lambda f: I.rollout(I.verlet_kdk, f, X0, jnp.array([0.0])), "got 1"),
        (lambda f: I.rollout(I.verlet_kdk, f, X0, (0.1, 0)), "got 0"),
        (lambda f: I.rollout(I.verlet_kdk, f, X0 / 0.0, (0.1, 3)), "finite"),
        (lambda f: I.rollout(I.verlet_kdk, f, X0, (0.1, 3), substeps=0), "substeps"),
        (lambda f: I.Tao(-1.0), "-1.0"),
        (lambda f: I.ImplicitMidpoint(max_steps=0), "max_steps"),
        (lambda f: I.RungeKutta(diffrax.ImplicitEuler), "Runge-Kutta"),
        (lambda f: I.as_solver("midpoint"), "AbstractStep.*str"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(oscillator())


def test_a_field_without_the_parts_is_refused_with_a_cure(getkey):
    general = F.HamiltonianField(E.MLPEnergy(2, 4, 1, key=getkey()))
    message = "verlet_kdk needs .* drift and kick; HamiltonianField .* Tao"
    for call in (
        lambda: I.rollout(I.verlet_kdk, general, X0, (0.1, 3)),
        lambda: T.structure_of(I.verlet_kdk, general),
        lambda: I.as_solver(I.verlet_kdk, general),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def solve(field, step, x0, t0=0.0, t1=1.0, dt0=0.1, **kwargs):
    return diffrax.diffeqsolve(diffrax.ODETerm(field), I.as_solver(step), t0, t1, dt0, x0, **kwargs)


def test_diffrax_runs_our_steps_backwards_with_output_events_and_adjoints():
    field = pendulum()
    there = solve(field, I.yoshida4, X0)
    back = solve(field, I.yoshida4, there.ys[-1], 1.0, 0.0, -0.1)
    assert float(jnp.abs(back.ys[-1] - X0).max()) <= tol(X0.dtype)

    dense = solve(field, I.yoshida4, X0, saveat=diffrax.SaveAt(ts=jnp.array([0.25, 0.95])))
    exact = I.rollout(I.yoshida4, field, X0, jnp.array([0.0, 0.25, 0.95]), substeps=20).xs[1:]
    assert float(jnp.abs(dense.ys - exact).max()) <= 1e-5  # cubic interpolation, h^4 / 384

    event = diffrax.Event(lambda t, y, args, **_: y[1] > 0.0)
    stopped = solve(field, I.verlet_kdk, X0, t1=10.0, event=event)
    assert 0.0 < float(stopped.ts[-1]) < 10.0
    assert float(stopped.ys[-1][1]) > 0

    def end(x, adjoint):
        return solve(field, I.verlet_kdk, x, adjoint=adjoint).ys[-1].sum()

    direct = jax.grad(lambda x: I.rollout(I.verlet_kdk, field, x, (0.1, 10)).xs[-1].sum())(X0)
    for adjoint in (diffrax.RecursiveCheckpointAdjoint(), diffrax.DirectAdjoint()):
        assert float(jnp.abs(jax.grad(end)(X0, adjoint) - direct).max()) <= tol(X0.dtype)


def test_diffrax_refuses_a_splitting_step_of_a_field_that_does_not_separate(getkey):
    general = F.HamiltonianField(E.MLPEnergy(2, 4, 1, key=getkey()))
    with pytest.raises(ValueError, match="verlet_kdk needs a field that separates.*Tao"):
        solve(general, I.verlet_kdk, X0)


def test_a_tuple_means_a_grid_everywhere():
    """`(h, n)`: in rollouts, forecasts of every kind and simulations; refused for times alone."""
    model, flow = M.HNN(2, 4, 1, key=jr.key(0)), M.SympFlow(2, 4, 2, key=jr.key(1))
    grid = I.time_grid(0.1, 3, X0.dtype)
    for learned in (model, flow):
        assert bool((learned.predict(X0, (0.1, 3)) == learned.predict(X0, grid)).all())
    record = simulate(Harmonic(), jr.key(0), 2, (0.1, 3))
    assert bool((record.ts == grid[None]).all())
    with pytest.raises(ValueError, match=r"tuple \(0.0, 0.1\): a tuple means the grid \(h, n\)"):
        Trajectories.from_trials([(0.0, 0.1)], [jnp.ones((2, 2))])
    for run in (lambda ts: I.rollout(I.rk4, model.field, X0, ts), lambda ts: flow.predict(X0, ts)):
        with pytest.raises(ValueError, match=r"steps of a grid \(h, n\), must be an integer.*1.0"):
            run((0.0, 1.0))
        with pytest.raises(
            ValueError, match=r"grid \(h, n\) of n steps of h, got \(0.0, 0.1, 0.2\)"
        ):
            run((0.0, 0.1, 0.2))


def test_rollout_and_solver_take_the_same_fields_and_steps():
    """A bare function as a field, also of a splitting step; a bare function as a step."""

    def swing(t, x, args=None):
        return jnp.stack([x[1], -jnp.sin(x[0])])

    def euler(field, t, x, h, args=None):
        return x + h * field(t, x, args)

    def solved(step, field):
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), I.as_solver(step), 0.0, 1.0, 0.1, X0, max_steps=20
        )
        return solution.ys[-1]

    for step in (I.verlet_kdk, I.rk4, I.ImplicitMidpoint(), euler):
        rolled = jax.jit(lambda x, step=step: I.rollout(step, swing, x, (0.1, 10)).xs[-1])(X0)
        assert_close(rolled, solved(step, swing))
    parts = I.rollout(I.verlet_kdk, pendulum(), X0, (0.1, 10)).xs[-1]
    assert_close(I.rollout(I.verlet_kdk, swing, X0, (0.1, 10)).xs[-1], parts)
    damped = lambda t, x, args=None: swing(t, x) - 0.1 * x  # noqa: E731
    with pytest.raises(ValueError, match="needs a field that offers drift and kick"):
        I.rollout(I.verlet_kdk, damped, X0, (0.1, 10))
    for take in (I.as_solver, I.as_step):
        with pytest.raises(ValueError, match="a step is an AbstractStep or a function.*float"):
            take(0.1)
