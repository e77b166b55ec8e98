"""Pontryagin's conditions: closed forms by shooting and by sweeps, bang-bang, networks."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import assert_close, tol
from registry import cast

from dynnets import control as C, fields as F, integrators as I
from dynnets.structure import ENERGY

REST, GOAL = jnp.zeros(2), jnp.array([1.0, 0.0])
TS = jnp.linspace(0.0, 1.0, 11)


def cart(t, x, u):
    """The double integrator; its control comes as a pytree."""
    return jnp.stack([x[1], u["push"]])


def effort(t, x, u):
    return u["push"] ** 2 / 2


CART = C.ControlProblem(cart, effort, control={"push": jnp.zeros(())}, quadratic=True)
A, B, Q, R = 0.5, 1.2, 2.0, 0.7


def scalar_field(t, x, u):
    return A * x + B * u


REGULATOR = C.ControlProblem(
    scalar_field,
    lambda t, x, u: (Q * jnp.sum(x**2) + R * jnp.sum(u**2)) / 2,
    control=jnp.zeros(1),
    quadratic=True,
)


def riccati(ts):
    """`-P' = q + 2 a P - (b^2 / r) P^2`, `P(T) = 0`, in closed form."""
    root = (A**2 + B**2 * Q / R) ** 0.5
    left = ts[-1] - ts
    return Q * jnp.sinh(root * left) / (root * jnp.cosh(root * left) - A * jnp.sinh(root * left))


def check_cart(extremal):
    assert bool(extremal.converged)
    assert_close(extremal.controls["push"], 6 - 12 * extremal.ts, 100.0)
    assert_close(extremal.cost(CART), jnp.asarray(6.0), 100.0)
    assert_close(extremal.xs[-1], GOAL, 100.0)
    energies = extremal.hamiltonians(CART)
    assert float(jnp.abs(energies - energies[0]).max()) <= 1e-10


def test_rest_to_rest_by_shooting():
    check_cart(jax.jit(lambda: C.shoot(CART, REST, TS, end=GOAL))())


def test_controls_by_newton():
    """`H = u^4 / 4 + u^2 / 2 + l u`: the control is the root of a cubic; `du/dl` by its slope."""
    problem = C.ControlProblem(
        lambda t, x, u: u, lambda t, x, u: jnp.sum(u**4 / 4 + u**2 / 2), control=jnp.zeros(1)
    )

    def control(costate):
        return problem.optimal_control(0.0, REST[:1], costate)

    costate = jnp.array([2.3])
    u, slope = jax.jit(lambda c: (control(c), jax.jacfwd(control)(c)))(costate)
    assert_close(u**3 + u, -costate)
    assert_close(slope[0], -1 / (3 * u**2 + 1))


def test_rest_to_rest_by_sweeps():
    """The end by multipliers; the controls still are those of the closed form."""

    def solve(damping, penalty, multiplier):
        return C.forward_backward_sweep(
            CART, REST, TS, {"push": jnp.zeros(11)}, end=GOAL, multiplier=multiplier,
            damping=damping, penalty=penalty, tolerance=1e-13, max_sweeps=4000,
        )  # fmt: skip

    check_cart(jax.jit(lambda: solve(0.2, 0.0, 5.0))())
    check_cart(jax.jit(lambda: solve(1.0, 8.0, 5.0))())  # the extended method, undamped
    undamped = jax.jit(lambda: solve(1.0, 0.0, 5.0))()
    assert not bool(undamped.converged)


@pytest.mark.parametrize("method", ["shooting", "sweep"])
def test_the_regulator_follows_riccati(method):
    ts, start = jnp.linspace(0.0, 1.0, 41), jnp.ones(1)
    if method == "shooting":
        found = jax.jit(lambda: C.shoot(REGULATOR, start, ts, step=I.Gauss(3)))()
    else:
        guess = jnp.zeros((41, 1))
        found = jax.jit(lambda: C.forward_backward_sweep(REGULATOR, start, ts, guess))()
    assert bool(found.converged)
    gap = found.controls[:, 0] + B / R * riccati(ts) * found.xs[:, 0]
    # linear controls between times cost the sweep h^2 / 12, Gauss of order 6 nothing
    assert float(jnp.abs(gap).max()) <= (1e-9 if method == "shooting" else 5e-4)
    if method == "shooting":  # a quadratic energy, kept by Gauss
        energies = found.hamiltonians(REGULATOR)
        assert float(jnp.abs(energies - energies[0]).max()) <= 1e-10
        assert float(jnp.abs(found.costates[0, 0] - riccati(ts)[0])) <= 1e-9


def test_costates_are_the_gradient_of_the_cost_to_go():
    """And the whole solution is differentiable: `dJ / dx0 = l(0)`."""

    def cost(start):
        return C.shoot(CART, start, TS, end=GOAL).cost(CART)

    value, slope = jax.jit(jax.value_and_grad(cost))(REST)
    assert_close(value, jnp.asarray(6.0), 100.0)
    assert_close(slope, jnp.array([-12.0, -6.0]), 100.0)

    def swept(start):
        guess = jnp.zeros((6, 1))
        ts = jnp.linspace(0.0, 1.0, 6)
        return C.forward_backward_sweep(REGULATOR, start, ts, guess).controls[0, 0]

    slope, h = jax.jit(jax.grad(swept))(jnp.ones(1)), 1e-4
    run = jax.jit(swept)
    difference = (run(jnp.ones(1) + h) - run(jnp.ones(1) - h)) / (2 * h)
    assert float(jnp.abs(slope[0] - difference)) <= 1e-5  # the sweeps' tolerance over h


def test_a_free_component_and_bounded_controls():
    """Position given, velocity free: `u = 3 (1 - t)`; with `|u| <= 5/2` the bound until `s`, then
    `5/2 (1 - t) / (1 - s)`, where `(1 - s)^2 = 3 / 5` makes the position one.
    """
    ends = jnp.array([1.0, jnp.nan])
    free = jax.jit(lambda: C.shoot(CART, REST, TS, end=ends))()
    assert_close(free.controls["push"], 3 * (1 - TS), 100.0)
    bounded = C.ControlProblem(
        cart, effort, minimiser=lambda t, x, costate: {"push": jnp.clip(-costate[1], -2.5, 2.5)}
    )
    ts = jnp.linspace(0.0, 1.0, 401)
    kept = jax.jit(lambda: C.shoot(bounded, REST, ts, end=ends, guess=jnp.array([-3.0, -3.0])))()
    assert bool(kept.converged)
    exact = jnp.minimum(2.5 * (1 - ts) / 0.6**0.5, 2.5)
    gap = jnp.abs(kept.controls["push"] - exact).max()
    assert float(gap) <= 1e-5  # a step over the kink, of size 1/400, costs its square


def test_the_energy_is_a_hamiltonian_like_any_other():
    field = F.HamiltonianField(REGULATOR.energy)
    assert ENERGY in field.structure
    batch = jnp.array([[0.7, -1.4], [-0.4, 0.8]])

    @jax.jit
    def values(batch):
        x = batch[:, 1]
        slopes = field.energy.gradient(0.0, x), jax.grad(field.energy, 1)(0.0, x)
        return *slopes, field(0.0, batch)[:, 1], field(0.0, x), field.energy(0.0, batch)

    closed, automatic, column, alone, heights = values(batch)
    assert_close(closed, automatic)
    assert_close(column, alone)
    assert heights.shape == (2,)


def test_time_optimal_control_switches_once():
    """`|u| <= 1` from (1, 0) to rest: T = 2, the switch at 1, `H = 0` all along."""
    problem = C.ControlProblem(
        lambda t, x, u: jnp.stack([x[1], u]), lambda t, x, u: jnp.ones(()),
        minimiser=lambda t, x, costate: -jnp.sign(costate[1]),
    )  # fmt: skip
    found = jax.jit(
        lambda: C.bang_bang(
            problem, jnp.array([-1.0, 1.0]), GOAL, REST,
            durations=jnp.array([0.7, 1.6]), costate=jnp.array([0.5, 0.5]), steps=8,
        )
    )()  # fmt: skip
    assert bool(found.converged)
    assert_close(found.ts[-1], jnp.asarray(2.0))
    assert_close(found.ts[8], jnp.asarray(1.0))
    assert float(jnp.abs(found.hamiltonians(problem)).max()) <= 1e-10
    best = jax.vmap(problem.optimal_control)(found.ts, found.xs, found.costates)
    inside = jnp.abs(found.costates[:, 1]) > 1e-9
    assert bool(jnp.all(jnp.where(inside, best == found.controls, True)))
    assert_close(found.cost(problem), jnp.asarray(2.0))


def layer(x, weights):
    return x + 0.2 * jnp.tanh(weights["w"] @ x + weights["b"])


def decay(x, u):
    return 0.01 * jnp.sum(u["w"] ** 2) + 0.1 * jnp.sum(x**2)


@pytest.mark.parametrize("running", [None, decay], ids=["terminal", "running"])
def test_weights_as_controls(running):
    """The costate is the adjoint, `H_u` the gradient, with a cost on weights and without."""
    key, other = jr.split(jr.key(0))
    weights = {"w": jr.normal(key, (6, 3, 3)), "b": jr.normal(other, (6, 3))}
    x0 = jnp.array([0.3, -0.5, 0.8])

    def terminal(x):
        return jnp.sum((x - 1) ** 2)

    def cost(weights, x0):
        xs = C.forward_states(layer, weights, x0)
        paid = 0 if running is None else jnp.sum(jax.vmap(running)(xs[:-1], weights))
        return terminal(xs[-1]) + paid

    def trained(weights):
        return 2 * C.layered_cost(layer, weights, x0, terminal, running)

    by_w, by_x = jax.grad(cost, argnums=(0, 1))(weights, x0)
    found = C.hamiltonian_gradient(layer, weights, x0, terminal, running)
    jax.tree.map(assert_close, found, by_w)
    xs = C.forward_states(layer, weights, x0)
    assert_close(C.backward_costates(layer, weights, xs, terminal, running)[0], by_x)
    value, slope = jax.value_and_grad(trained)(weights)
    assert_close(value, 2 * cost(weights, x0))
    jax.tree.map(lambda a, b: assert_close(a, 2 * b), slope, by_w)


def test_single_precision():
    problem, rest, ts, goal = cast((CART, REST, TS, GOAL), jnp.float32)
    found = jax.jit(lambda: C.shoot(problem, rest, ts, end=goal))()
    assert found.controls["push"].dtype == jnp.float32
    gap = jnp.abs(found.controls["push"] - (6 - 12 * ts)).max()
    assert float(gap) <= 10 * tol(jnp.float32)
    guess = {"push": jnp.zeros(11, jnp.float32)}
    swept = jax.jit(lambda: C.forward_backward_sweep(problem, rest, ts, guess, damping=0.5))()
    assert bool(swept.converged) and swept.xs.dtype == jnp.float32


def test_bad_input():
    with pytest.raises(ValueError, match="running_cost or a terminal_cost.*None"):
        C.ControlProblem(cart, None, control=0.0)
    with pytest.raises(ValueError, match="minimiser.*None"):
        C.ControlProblem(cart, effort)
    with pytest.raises(ValueError, match=r"end.*\(2,\).*\(3,\)"):
        C.shoot(CART, REST, TS, end=jnp.zeros(3))
    guess = {"push": jnp.zeros(11)}
    with pytest.raises(ValueError, match="damping.*1.5"):
        C.forward_backward_sweep(CART, REST, TS, guess, damping=1.5)
    with pytest.raises(ValueError, match="11 times.*4"):
        C.forward_backward_sweep(CART, REST, TS, {"push": jnp.zeros(4)})
    given = C.ControlProblem(cart, effort, minimiser=lambda t, x, p: {"push": -p[1]})
    with pytest.raises(ValueError, match="penalty 1.0"):
        C.forward_backward_sweep(given, REST, TS, guess, penalty=1.0)
    arcs, costate = jnp.array([-1.0, 1.0]), jnp.ones(2)
    with pytest.raises(ValueError, match=r"least duration.*-0.1"):
        C.bang_bang(given, arcs, GOAL, REST, jnp.array([-0.1, 1.0]), costate)
    with pytest.raises(ValueError, match=r"1 durations.*\[2\]"):
        C.bang_bang(given, arcs, GOAL, REST, jnp.ones(1), costate)
