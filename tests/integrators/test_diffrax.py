"""What the bridge to diffrax promises of terms, states, times, gradients and output."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import assert_close, tol

from dynnets import energies as E, fields as F, integrators as I
from dynnets.fields import canonical_matrix

X0 = jnp.array([0.4, -0.3])


def pendulum():
    return F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0])))


def function_pendulum(t, y, args=None):
    """The same field, of which nothing is declared."""
    return canonical_matrix(1) @ jax.grad(lambda y: 0.5 * y[1] ** 2 - jnp.cos(y[0]))(y)


def solve(field, step, y0, t0=0.0, t1=1.0, dt0=0.1, args=None, pair=False, **kwargs):
    terms = tuple(map(diffrax.ODETerm, field)) if pair else diffrax.ODETerm(field)
    solver = I.as_solver(step, pair=pair)
    return diffrax.diffeqsolve(terms, solver, t0, t1, dt0, y0, args, **kwargs)


CASES = [
    (I.verlet_kdk, pendulum()),
    (I.verlet_kdk, function_pendulum),
    (I.StormerVerlet(), pendulum()),
    (I.TwoStepMidpoint(), function_pendulum),
    (I.ImplicitMidpoint(), function_pendulum),
    (I.Tao(5.0), pendulum()),
]


@pytest.mark.parametrize(("step", "field"), CASES, ids=lambda x: type(x).__name__)
def test_gradients_of_a_vmapped_solve_do_not_meet_steps_of_no_length(step, field):
    ends, widths = jnp.array([0.3, 1.0]), jnp.array([0.1, 0.05])

    def end(x, t1, dt0):
        return solve(field, step, x, t1=t1, dt0=dt0).ys[-1]

    def total(x):
        return jnp.sum(jax.vmap(lambda t1, dt0: end(x, t1, dt0))(ends, widths) ** 2)

    gradient = np.asarray(jax.jit(jax.grad(total))(X0))
    single = jax.jit(jax.grad(lambda x, t1, dt0: jnp.sum(end(x, t1, dt0) ** 2)))
    expected = sum(np.asarray(single(X0, *pair)) for pair in zip(ends, widths, strict=True))
    assert np.abs(gradient - expected).max() <= tol(X0.dtype)


def test_gradients_with_jumps_at_the_start_and_on_the_way_are_those_without():
    controller = diffrax.PIDController(rtol=1e-4, atol=1e-4)
    jumps = diffrax.ClipStepSizeController(controller, jump_ts=jnp.array([0.0, 0.5]))
    solver = diffrax.HalfSolver(I.as_solver(I.verlet_kdk))

    @jax.jit
    @jax.grad
    def gradient(x):
        term = diffrax.ODETerm(function_pendulum)
        return jnp.sum(
            diffrax.diffeqsolve(term, solver, 0.0, 1.0, 0.1, x, stepsize_controller=jumps).ys
        )

    exact = jax.jit(
        jax.grad(lambda x: I.rollout(I.yoshida4, pendulum(), x, (0.01, 100)).xs[-1].sum())
    )
    # the tolerance of the controller, times a few steps
    assert np.abs(np.asarray(gradient(X0)) - np.asarray(exact(X0))).max() <= 1e-3


def test_the_usual_ways_to_write_a_separable_field_are_taken():
    expected = I.rollout(I.yoshida4, pendulum(), X0, (0.1, 10)).xs[-1]
    assert_close(solve(function_pendulum, I.yoshida4, X0).ys[-1], expected)
    masked = lambda t, y, args: jnp.stack([1.0 * y[1] + 0.0 * y[0], -jnp.sin(y[0])])  # noqa: E731
    assert_close(solve(masked, I.yoshida4, X0).ys[-1], expected)
    back = solve(function_pendulum, I.yoshida4, expected, t0=1.0, t1=0.0, dt0=-0.1)
    assert_close(back.ys[-1], X0)
    halves = (lambda t, p, args: p, lambda t, q, args: -jnp.sin(q))
    state = (X0[:1], X0[1:])
    paired = solve(halves, I.yoshida4, state, pair=True)
    assert_close(jnp.concatenate([y[-1] for y in paired.ys]), expected)
    # diffrax's own solver of such a pair moves q first
    there = solve(halves, I.symplectic_euler_adjoint, state, pair=True).ys
    terms = tuple(map(diffrax.ODETerm, halves))
    theirs = diffrax.diffeqsolve(terms, diffrax.SemiImplicitEuler(), 0.0, 1.0, 0.1, state).ys
    assert_close(there[0], theirs[0])
    assert_close(there[1], theirs[1])


@pytest.mark.parametrize(
    ("force", "letter"),
    [
        (lambda y: -y[0] - 0.5 * jnp.where(y[1] > 0, 1.0, -1.0), "p'"),
        (lambda y: jax.lax.cond(y[1] > 0, lambda: -y[0] - 0.5, lambda: -y[0] + 0.5), "p'"),
        (lambda y: -y[0] - jnp.array([0.5, -0.5])[(y[1] > 0).astype(int)], "p'"),
    ],
)
def test_dry_friction_is_refused_in_words_however_it_is_written(force, letter):
    field = lambda t, y, args: jnp.stack([y[1], force(y)])  # noqa: E731
    with pytest.raises(ValueError, match=f"verlet_kdk needs .*separates.* {letter} depends.*Tao"):
        solve(field, I.verlet_kdk, X0)
    assert bool(jnp.isfinite(solve(field, I.heun, X0).ys).all())


def test_terms_that_are_no_differential_equation_are_refused():
    control = diffrax.ControlTerm(lambda t, y, args: y, lambda t0, t1: t1**2 - t0**2)
    for terms in (control, diffrax.MultiTerm(diffrax.ODETerm(function_pendulum), control)):
        with pytest.raises(ValueError, match=r"ODETerm; got \['ControlTerm'\].*to_ode"):
            diffrax.diffeqsolve(terms, I.as_solver(I.ImplicitMidpoint()), 0.0, 1.0, 0.1, X0)
    halves = (
        lambda t, y, args: jnp.stack([y[1], 0.0 * y[0]]),
        lambda t, y, args: -jnp.sin(y[::-1]),
    )
    halves = (halves[0], lambda t, y, args: jnp.stack([0.0 * y[1], -jnp.sin(y[0])]))
    both = diffrax.MultiTerm(*map(diffrax.ODETerm, halves))
    solution = diffrax.diffeqsolve(both, I.as_solver(I.verlet_kdk), 0.0, 1.0, 0.1, X0)
    assert_close(solution.ys[-1], I.rollout(I.verlet_kdk, pendulum(), X0, (0.1, 10)).xs[-1])
    with pytest.raises(ValueError, match="even dimension .* got 3"):
        solve(lambda t, y, args: -y, I.verlet_kdk, jnp.ones(3))
    with pytest.raises(ValueError, match="one size and dtype, got 2 and 1"):
        solve((lambda t, y, args: y,) * 2, I.verlet_kdk, (jnp.ones(2), jnp.ones(1)), pair=True)


RIGHT = jnp.array([[-0.3, 1.0], [-1.0, -0.1]])


@pytest.mark.parametrize(
    ("step", "factor"),
    [
        (I.ImplicitMidpoint(), lambda a: np.linalg.solve(np.eye(2) - a / 2, np.eye(2) + a / 2)),
        (I.Gauss(1), lambda a: np.linalg.solve(np.eye(2) - a / 2, np.eye(2) + a / 2)),
        (I.ImplicitEuler(), lambda a: np.linalg.inv(np.eye(2) - a)),
    ],
    ids=lambda value: getattr(value, "__class__", value).__name__,
)
def test_a_matrix_is_one_state(step, factor):
    """`Y' = Y M` for `Y (3, 2)` mixes columns: the step is `Y R(h M)` with the method's `R`."""
    y0 = jnp.arange(6.0).reshape(3, 2) / 5
    ys = solve(lambda t, y, args: y @ RIGHT, step, y0).ys[-1]
    expected = np.asarray(y0) @ np.linalg.matrix_power(factor(0.1 * np.asarray(RIGHT)), 10)
    assert np.abs(np.asarray(ys) - expected).max() <= tol(y0.dtype)


def test_states_are_any_trees_of_arrays():
    step = I.Gauss(2)
    scalar = solve(lambda t, y, args: -y, step, jnp.array(1.0)).ys
    assert scalar.shape == (1,)
    assert abs(float(scalar[0]) - np.exp(-1)) <= 1e-7  # h^4 / 720 of the Pade quotient
    tree = {"a": jnp.array([1.0, 2.0]), "b": (jnp.array(0.5), jnp.ones((2, 2), jnp.float32))}
    rate = lambda t, y, args: jax.tree.map(lambda leaf: -leaf, y)  # noqa: E731
    saved = solve(rate, step, tree, saveat=diffrax.SaveAt(ts=jnp.array([0.25, 1.0])))
    assert jax.tree.structure(saved.ys) == jax.tree.structure(tree)
    for y, y0 in zip(jax.tree.leaves(saved.ys), jax.tree.leaves(tree), strict=True):
        # diffrax gives every leaf at least the dtype of the times
        assert y.dtype == jnp.float64 and y.shape == (2, *y0.shape)
        decay = np.exp(-np.array([0.25, 1.0])).reshape(-1, *(1,) * y0.ndim)
        assert np.abs(np.asarray(y) - decay * np.asarray(y0)).max() <= 1e-5  # output of order 4
    empty = solve(
        lambda t, y, args: y, step, jnp.zeros(0), saveat=diffrax.SaveAt(steps=True), max_steps=16
    )
    assert empty.ys.shape == (16, 0)
    q_first = solve(
        lambda t, y, args: (y[1], -jnp.sin(y[0])),
        I.verlet_kdk,
        (jnp.float64(0.4), jnp.float64(-0.3)),
    )
    assert_close(
        jnp.stack([part[-1] for part in q_first.ys]),
        I.rollout(I.verlet_kdk, pendulum(), X0, (0.1, 10)).xs[-1],
    )


@pytest.mark.filterwarnings("ignore:Complex dtype support:UserWarning")
@pytest.mark.parametrize("times", [jnp.float32, jnp.float64], ids=["float32", "float64"])
def test_complex_states_and_times_of_other_precision_are_taken(times):
    """Nonlinear Schroedinger, not holomorphic: `z' = -i (a z + |z|^2 z)` keeps every `|z_k|`."""
    z0 = jnp.array([0.3 + 0.4j, -0.5 + 0.1j])
    field = lambda t, z, args: -1j * (args * z + (z * jnp.conj(z)) * z)  # noqa: E731
    t1, dt0 = times(1.0), times(0.0625)
    for step in (I.ImplicitMidpoint(), I.Gauss(2), I.rk4):
        z = solve(field, step, z0, t0=times(0.0), t1=t1, dt0=dt0, args=2.0).ys[-1]
        assert z.dtype == z0.dtype
        exact = np.asarray(z0) * np.exp(-1j * (2.0 + np.abs(np.asarray(z0)) ** 2))
        assert np.abs(np.asarray(z) - exact).max() <= (3e-3 if step.info.order == 2 else 1e-5)
        if step is not I.rk4:
            assert np.abs(np.abs(z) - np.abs(np.asarray(z0))).max() <= tol(jnp.float64)
    real = solve(function_pendulum, I.Gauss(2), X0, t0=times(0.0), t1=t1, dt0=dt0).ys[-1]
    assert real.dtype == X0.dtype
    assert_close(real, I.rollout(I.Gauss(2), pendulum(), X0, (0.0625, 16)).xs[-1])


def test_a_rollout_of_complex_states_solves_for_both_parts():
    z0 = jnp.array([0.3 + 0.4j, -0.5 + 0.1j])
    field = lambda t, z, args=None: -1j * (2.0 + z * jnp.conj(z)) * z  # noqa: E731
    step = eqx.filter_jit(lambda z: I.ImplicitMidpoint()(field, 0.0, z, 3.0))
    z = np.asarray(step(z0))
    middle = (z + np.asarray(z0)) / 2
    residual = z - np.asarray(z0) - 3.0 * np.asarray(field(0.0, jnp.asarray(middle)))
    assert np.abs(residual).max() <= tol(z0.real.dtype)


def test_backsolve_with_the_same_step_is_exact_for_splittings():
    def field(t, y, args):
        return jnp.stack([args * y[1], -jnp.sin(y[0])])

    def loss(x, args, step, adjoint):
        saveat = diffrax.SaveAt(ts=jnp.array([0.5, 1.0]))
        ys = solve(field, step, x, args=args, saveat=saveat, adjoint=adjoint).ys
        return jnp.sum(ys**2)

    gradient = eqx.filter_jit(jax.grad(loss, argnums=(0, 1)))
    for step in (I.verlet_kdk, I.heun):
        exact = gradient(X0, jnp.array(1.3), step, diffrax.DirectAdjoint())
        found = gradient(X0, jnp.array(1.3), step, diffrax.BacksolveAdjoint())
        # any other step solves the adjoint equation to its own order
        bound = tol(X0.dtype) if step.info.needs else 1e-2
        for a, b in zip(exact, found, strict=True):
            assert np.abs(np.asarray(a) - np.asarray(b)).max() <= bound, step.info.name


def test_backsolve_without_the_parts_of_the_field_is_refused():
    field = F.SeparableHamiltonianField(
        E.QuadraticEnergy(jnp.eye(1)), E.QuadraticEnergy(jnp.eye(1))
    )
    solver = I.as_solver(I.strang, field)

    def end(x):
        term, adjoint = diffrax.ODETerm(field), diffrax.BacksolveAdjoint()
        return diffrax.diffeqsolve(term, solver, 0.0, 1.0, 0.1, x, adjoint=adjoint).ys.sum()

    with pytest.raises(ValueError, match="BacksolveAdjoint.*InverseAdjoint is exact"):
        jax.grad(end)(X0)


@pytest.mark.parametrize(
    "step", [I.verlet_kdk, I.yoshida6, I.yoshida8, I.Gauss(3)], ids=lambda step: step.info.name
)
def test_output_between_steps_has_the_order_of_the_step(step):
    x0, ts = jnp.array([1.0, 0.0]), jnp.linspace(0.05, 2.9, 23)
    exact = np.stack([np.cos(ts), -np.sin(ts)], axis=1)
    run = jax.jit(
        lambda n: (
            solve(
                lambda t, y, args: jnp.stack([y[1], -y[0]]),
                step,
                x0,
                t1=3.0,
                dt0=3.0 / n,
                saveat=diffrax.SaveAt(ts=ts),
            ).ys
        )
    )
    coarse, fine = (12.0, 24.0) if step.info.order < 8 else (8.0, 16.0)
    errors = [np.abs(np.asarray(run(n)) - exact).max() for n in (coarse, fine)]
    assert np.log2(errors[0] / errors[1]) >= step.info.order - 0.5, errors


def test_a_dense_solution_is_smooth_and_differentiable_and_meets_the_steps():
    solution = jax.jit(
        lambda x: solve(
            function_pendulum,
            I.yoshida6,
            x,
            saveat=diffrax.SaveAt(dense=True, steps=True),
            max_steps=10,
        )
    )(X0)
    for n in (3, 10):
        assert_close(solution.evaluate(0.1 * n), solution.ys[n - 1])
    slopes = [solution.derivative(0.3 + side) for side in (-1e-9, 1e-9)]
    assert np.abs(np.asarray(slopes[0] - slopes[1])).max() <= 1e-7
    assert np.abs(np.asarray(slopes[0] - function_pendulum(0.0, solution.ys[2]))).max() <= 1e-7
    assert_close(solution.evaluate(0.25, 0.65), solution.evaluate(0.65) - solution.evaluate(0.25))


def test_half_solver_adapts_any_step_and_loses_its_structure():
    """What the docstring says: tolerances are met; quadratic invariants stay, the energy drifts."""
    solver = diffrax.HalfSolver(I.as_solver(I.verlet_kdk))

    def run(rtol, t1):
        controller = diffrax.PIDController(rtol=rtol, atol=rtol)
        return diffrax.diffeqsolve(
            diffrax.ODETerm(function_pendulum),
            solver,
            0.0,
            t1,
            None,
            jnp.array([2.5, 0.0]),
            stepsize_controller=controller,
            saveat=diffrax.SaveAt(t1=True, steps=True),
            max_steps=20_000,
        )

    run = jax.jit(run)
    x0 = jnp.array([2.5, 0.0])
    exact = np.asarray(jax.jit(lambda: I.rollout(I.yoshida8, pendulum(), x0, (0.01, 500)).xs[-1])())
    loose, tight = run(1e-3, 5.0), run(1e-5, 5.0)
    ends = [np.asarray(s.ys)[int(s.stats["num_accepted_steps"]) - 1] for s in (loose, tight)]
    errors = [np.abs(end - exact).max() for end in ends]
    assert errors[1] < 0.2 * errors[0] and errors[1] <= 1e-3
    assert int(tight.stats["num_steps"]) > 1.5 * int(loose.stats["num_steps"])
    long = run(1e-3, 400.0)
    count = int(long.stats["num_accepted_steps"])
    q, p = np.asarray(long.ys)[:count].T
    energy = 0.5 * p**2 - np.cos(q) + np.cos(2.5)
    fixed = I.rollout(I.verlet_kdk, pendulum(), x0, (400.0 / count, count)).xs
    bounded = 0.5 * np.asarray(fixed)[:, 1] ** 2 - np.cos(np.asarray(fixed)[:, 0]) + np.cos(2.5)
    assert np.abs(energy[-100:]).max() > 2 * np.abs(bounded).max()
    rotation = jnp.array([[0.0, 1.0], [-1.0, 0.0]])
    kept = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: (1 + y[0] ** 2) * rotation @ y),
        diffrax.HalfSolver(I.as_solver(I.ImplicitMidpoint())),
        0.0,
        5.0,
        0.1,
        X0,
        stepsize_controller=diffrax.PIDController(rtol=1e-3, atol=1e-3),
    )
    assert abs(float(jnp.linalg.norm(kept.ys[-1]) - jnp.linalg.norm(X0))) <= tol(X0.dtype)
