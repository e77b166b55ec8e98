"""Variational integrators: their known equals, symplecticity, momentum, order."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tol

from dynnets import energies as E, fields as F, integrators as I
from dynnets.fields import AbstractField
from dynnets.structure import symplecticity_defect

STEPS = [I.variational_midpoint, I.variational_trapezoid, I.variational_gauss]
steps = pytest.mark.parametrize("step", STEPS, ids=["midpoint", "trapezoid", "gauss"])
MECHANICS = F.mechanical_field(
    jnp.array([1.0, 2.0]), E.FunctionEnergy(lambda t, q: -jnp.cos(q[0]) + (q[1] - q[0]) ** 2)
)
X = jnp.array([0.6, -0.3, 0.2, 0.5])


class Pendulums(AbstractField):
    """The double pendulum by its Lagrangian (unit lengths and masses), a state `(q, p)`."""

    @property
    def structure(self):
        return frozenset()

    def lagrangian(self, t, q, v):
        coupling = v[0] * v[1] * jnp.cos(q[0] - q[1])
        return v[0] ** 2 + v[1] ** 2 / 2 + coupling + 2 * jnp.cos(q[0]) + jnp.cos(q[1])

    def __call__(self, t, x, args=None):
        q, p = x[:2], x[2:]
        mass = jax.hessian(self.lagrangian, 2)(t, q, p)
        v = jnp.linalg.solve(mass, p)
        return jnp.concatenate([v, jax.grad(self.lagrangian, 1)(t, q, v)])


def test_separable_lagrangians_give_verlet_and_the_midpoint_rule():
    trapezoid = I.variational_trapezoid(MECHANICS, 0.0, X, 0.3)
    assert float(jnp.abs(trapezoid - I.verlet_kdk(MECHANICS, 0.0, X, 0.3)).max()) <= 1e-13
    midpoint = I.variational_midpoint(MECHANICS, 0.0, X, 0.3)
    assert float(jnp.abs(midpoint - I.ImplicitMidpoint()(MECHANICS, 0.0, X, 0.3)).max()) <= 1e-13
    gauss = I.variational_gauss(MECHANICS, 0.0, X, 0.3)
    assert float(jnp.abs(gauss - I.Gauss(2)(MECHANICS, 0.0, X, 0.3)).max()) <= 1e-13


@steps
def test_a_configuration_dependent_mass_is_symplectic_and_of_its_order(step):
    field = Pendulums()
    one = jax.jit(lambda x, h: step(field, 0.0, x, h))
    assert float(symplecticity_defect(lambda x: one(x, 0.1), X)) <= tol(X.dtype)
    assert float(jnp.abs(one(one(X, 0.1), -0.1) - X).max()) <= tol(X.dtype)
    assert float(jnp.abs(one(X, 0.0) - X).max()) <= tol(X.dtype)
    run = eqx.filter_jit(lambda s, n: I.rollout(s, field, X, (1.0 / n, n)).xs[-1])
    exact = run(I.Gauss(3), 20)
    errors = [float(jnp.abs(run(step, n) - exact).max()) for n in (10, 20)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(step.order, abs=0.2)


@steps
def test_a_central_force_keeps_the_angular_momentum(step):
    """Discrete Noether: the rules are invariant under rotations where the Lagrangian is."""
    field = F.mechanical_field(
        jnp.ones(2), E.FunctionEnergy(lambda t, q: -1 / jnp.sqrt(jnp.sum(q**2)))
    )
    xs = eqx.filter_jit(I.rollout)(step, field, jnp.array([1.0, 0.0, 0.1, 1.1]), (0.1, 40)).xs
    momentum = xs[:, 0] * xs[:, 3] - xs[:, 1] * xs[:, 2]
    assert float(jnp.abs(momentum - momentum[0]).max()) <= tol(xs.dtype)


def test_a_rule_of_ones_own():
    """A bent rule of first order is still symplectic: the left rectangle."""

    def left(lagrangian, t, q0, q1, v, h):
        return lagrangian(t, q0, v)

    step = I.VariationalStep(left, order=1, symmetric=False)
    gap = step(MECHANICS, 0.0, X, 0.2) - I.symplectic_euler(MECHANICS, 0.0, X, 0.2)
    assert float(jnp.abs(gap).max()) <= tol(X.dtype)


def test_bad_arguments_and_massless_lagrangians():
    with pytest.raises(ValueError, match="midpoint"):
        I.VariationalStep("midpoint")
    with pytest.raises(ValueError, match="order.*0"):
        I.VariationalStep(order=0)
    general = F.HamiltonianField(E.QuadraticEnergy(jnp.eye(4)))
    with pytest.raises(ValueError, match=r"lagrangian; HamiltonianField"):
        I.variational_midpoint(general, 0.0, X, 0.1)
    quartic = F.SeparableHamiltonianField(
        E.FunctionEnergy(lambda t, p: jnp.sum(p**4)), E.QuadraticEnergy(jnp.eye(2))
    )
    with pytest.raises(ValueError, match=r"lagrangian; SeparableHamiltonianField"):
        I.variational_midpoint(quartic, 0.0, X, 0.1)

    class Massless(F.AbstractField):
        structure = frozenset()

        def lagrangian(self, t, q, v):
            return v[0] ** 2 - q[0] ** 2

        def __call__(self, t, x, args=None):
            return x

    with pytest.raises(ValueError, match=r"L_vv of the Lagrangian must be regular"):
        I.variational_midpoint(Massless(), 0.0, X, 0.1)
    failed = jax.jit(lambda x: I.variational_midpoint(Massless(), 0.0, x, 0.1))(X)
    assert bool(jnp.isnan(failed).any())
