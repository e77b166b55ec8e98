"""Projection and relaxation keep their invariants and the order, and say what they lose."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I, structure as T
from dynnets.fields import AbstractField
from dynnets.structure import (
    ENERGY,
    MOMENTUM,
    NORM,
    ORTHOGONAL,
    SUM,
    SYMPLECTIC,
    symplecticity_defect,
)

PENDULUM = F.mechanical_field(jnp.ones(1), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0])))
X0 = jnp.array([0.9, 0.4])


class Turning(AbstractField):
    """`Q' = S(Q) Q` on matrices."""

    weight: jax.Array

    @property
    def structure(self):
        return frozenset({ORTHOGONAL})

    def __call__(self, t, x, args=None):
        matrix = self.weight * jnp.tanh(x[0, 0])
        return (matrix - matrix.T) @ x


def precise(n):
    return eqx.filter_jit(I.rollout)(I.Gauss(3), PENDULUM, X0, (2.0 / n, n)).xs[-1]


@pytest.mark.parametrize(
    "step",
    [I.Projected(I.rk4, ENERGY), I.Relaxation(I.rk4, ENERGY), I.Relaxation(I.kutta3, ENERGY)],
    ids=lambda s: s.info.name,
)
def test_energy_is_kept_over_a_run_at_the_order_of_the_step(step):
    run = eqx.filter_jit(lambda n: I.rollout(step, PENDULUM, X0, (2.0 / n, n)).xs)
    orbits, exact = {n: run(n) for n in (20, 40)}, precise(40)
    energies = jax.vmap(lambda x: PENDULUM.energy(0.0, x))(orbits[40])
    assert float(jnp.abs(energies - energies[0]).max()) <= tol(X0.dtype)
    errors = [float(jnp.abs(xs[-1] - exact).max()) for xs in orbits.values()]
    assert np.log2(errors[0] / errors[1]) >= step.info.order - 0.3


def test_a_single_relaxed_step_is_early_or_late_not_wrong():
    """It lies on the exact orbit: the error is in time, `O(h^p)` per step."""
    step = I.Relaxation(I.kutta3, ENERGY)
    x, lag = step.advance(PENDULUM, 0.0, X0, 0.1, None, step.start(PENDULUM, 0.0, X0, 0.1))
    at = I.rollout(I.Gauss(3), PENDULUM, X0, (0.1 - lag, 1)).xs[-1]
    plain = I.rollout(I.Gauss(3), PENDULUM, X0, (0.1, 1)).xs[-1]
    assert 0 < abs(float(lag)) < 1e-2
    assert float(jnp.abs(x - at).max()) < 0.1 * float(jnp.abs(x - plain).max())


def test_symplecticity_and_linear_invariants():
    h = 0.2
    for wrap in (I.Projected, I.Relaxation):
        step = wrap(I.verlet_kdk, ENERGY)
        assert SYMPLECTIC not in T.structure_of(step, PENDULUM)
        assert ENERGY in T.structure_of(step, PENDULUM)
        assert (
            float(symplecticity_defect(lambda x, step=step: step(PENDULUM, 0.0, x, h), X0)) > 1e-6
        )
    assert {SUM, MOMENTUM} <= I.Relaxation(I.rk4, ENERGY).info.keeps
    assert not {SUM, MOMENTUM} & I.Projected(I.rk4, ENERGY).info.keeps


def test_norms_and_orthogonal_columns():
    weight = jr.normal(jr.key(0), (3, 3))
    field, q = Turning(weight), jnp.linalg.qr(jr.normal(jr.key(1), (3, 2)))[0]
    step = I.Projected(I.heun, ORTHOGONAL)
    after = jax.jit(lambda q: step(field, 0.0, q, 0.2))(q)
    assert float(jnp.abs(after.T @ after - q.T @ q).max()) <= tol(q.dtype)
    turn = lambda t, x, args=None: (weight - weight.T) @ x  # noqa: E731
    for wrap in (I.Projected, I.Relaxation):
        x = jr.normal(jr.key(2), (3, 4))  # a batch of four
        y = jax.jit(lambda x, wrap=wrap: wrap(I.rk4, NORM)(turn, 0.0, x, 0.2))(x)
        assert float(jnp.abs(jnp.sum(y**2, 0) - jnp.sum(x**2, 0)).max()) <= tol(x.dtype)


def test_two_invariants_of_the_rigid_body():
    """Energy and norm together: nothing but the time along the orbit is left."""
    inertia = jnp.array([1.0, 2.0, 3.0])
    spin = lambda t, x, args=None: jnp.cross(x, x / inertia)  # noqa: E731
    energy = lambda t, x: jnp.sum(x**2 / inertia) / 2  # noqa: E731
    step = I.Projected(I.heun, (NORM, energy))
    x = jnp.array([0.8, 0.5, -0.4])
    xs = eqx.filter_jit(I.rollout)(step, spin, x, (0.1, 50)).xs
    for values in (jnp.sum(xs**2, 1), jax.vmap(lambda y: energy(0.0, y))(xs)):
        assert float(jnp.abs(values - values[0]).max()) <= tol(x.dtype)


def test_equilibria_and_gradients():
    for wrap in (I.Projected, I.Relaxation):
        step = wrap(I.rk4, ENERGY)
        one = jax.jit(lambda x, step=step: step(PENDULUM, 0.0, x, 0.1))
        assert bool((one(jnp.zeros(2)) == 0).all())
        assert bool(jnp.isfinite(jax.jacfwd(one)(jnp.zeros(2))).all())
        assert bool(jnp.isfinite(jax.jacrev(one)(X0)).all())
        # a step of width zero, and the energy's own gradient of a step that keeps it
        assert bool((step(PENDULUM, 0.0, X0, 0.0) == X0).all())
        slope = jax.jacrev(lambda x, one=one: PENDULUM.energy(0.0, one(x)))(X0)
        assert float(jnp.abs(slope - PENDULUM.energy.gradient(0.0, X0)).max()) <= tol(X0.dtype)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: I.Projected(I.rk4, ()), r"\(\)"),
        (lambda: I.Projected(I.rk4, SYMPLECTIC), "SYMPLECTIC"),
        (lambda: I.Projected(I.rk4, "energy"), "energy"),
        (lambda: I.Relaxation(I.rk4, ORTHOGONAL), "ORTHOGONAL"),
        (lambda: I.Relaxation(I.explicit_euler, ENERGY), "Euler"),
        (lambda: I.Projected(lambda f, t, x, h, args=None: x, NORM), "FunctionStep"),
        (lambda: I.Relaxation(I.rk4, ENERGY, max_steps=0), "max_steps"),
        (
            lambda: I.Projected(I.rk4, ENERGY)(
                F.NeuralField(2, 4, 1, key=jr.key(0)), 0.0, jnp.ones(2), 0.1
            ),
            "energy",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_no_way_back_is_nan():
    """A bound state pushed far out: no point of the line has its energy."""
    far = I.FunctionStep(lambda field, t, x, h, args=None: x + 100.0, I.StepInfo("jump", 2))
    oscillator = F.HamiltonianField(E.FunctionEnergy(lambda t, x: 1.0 / (1.0 + x @ x)))
    after = I.Relaxation(far, ENERGY, max_steps=4)(oscillator, 0.0, jnp.zeros(2), 0.1)
    assert bool(jnp.isnan(after).all())
