"""The Euler-Lagrange equations: known accelerations, forces, energies, symmetries, brackets."""

import jax
import jax.numpy as jnp
import pytest
from helpers import assert_close

from dynnets import energies as E, fields as F, integrators as I, systems as S
from dynnets.structure import ENERGY, SYMPLECTIC

Q, V = jnp.array([1.2, 0.8]), jnp.array([0.3, -0.5])


def two_rods(t, q, v):
    """The double pendulum with unit masses and lengths, absolute angles."""
    kinetic = v[0] ** 2 + v[1] ** 2 / 2 + v[0] * v[1] * jnp.cos(q[0] - q[1])
    return kinetic + 9.8 * (2 * jnp.cos(q[0]) + jnp.cos(q[1]))


def drag(t, q, v, args):
    return -0.3 * v if args is None else args - 0.3 * v


def test_the_three_forms_of_the_double_pendulum_agree():
    truth = S.DoublePendulum()
    canonical = F.CanonicalLagrangianField(two_rods, quadratic=True)
    field = F.LagrangianField(two_rods)

    @jax.jit
    def values(q, v):
        p, x = truth.momenta(q, v), jnp.concatenate([q, v])
        z = jnp.concatenate([q, p])
        rate = field(0.0, x)
        push = jax.jvp(truth.momenta, (q, v), (v, rate[2:]))[1]  # d/dt p along the motion
        rest = truth.energy(0.0, 0 * z) - field.energy(0.0, 0 * x)
        energies = field.energy(0.0, x) + rest, truth.energy(0.0, z)
        return canonical(0.0, z), truth.field(0.0, z), jnp.concatenate([rate[:2], push]), energies

    found, expected, by_velocities, (energy, height) = values(Q, V)
    assert_close(found, expected)
    assert_close(by_velocities, expected)
    assert_close(energy, height, 30.0)
    assert field.structure == {ENERGY} and SYMPLECTIC in canonical.structure


def test_time_and_velocity_terms():
    """`L = exp(c t) (v^2 / 2 - q^2 / 2) + b q v`: friction by an explicit time, a null term."""

    def lagrangian(t, q, v):
        return jnp.exp(0.4 * t) * jnp.sum(v**2 - q**2) / 2 + 2.0 * jnp.dot(q, v)

    found = jax.jit(F.euler_lagrange(lagrangian))(0.7, Q, V)
    assert_close(found, -Q - 0.4 * V)
    assert F.LagrangianField(lagrangian, reads_time=True).structure == frozenset()


def test_a_force_changes_the_energy_at_its_power():
    field = F.LagrangianField(two_rods, drag)
    assert field.structure == frozenset()
    pushed = F.CanonicalLagrangianField(two_rods, drag, quadratic=True)
    free = F.CanonicalLagrangianField(two_rods, quadratic=True)
    assert pushed.structure == frozenset()
    x, push = jnp.concatenate([Q, V]), jnp.array([0.5, 0.0])

    @jax.jit
    def values(x):
        slope = field.energy.gradient(0.0, x)
        rates = [jnp.dot(slope, field(0.0, x, args)) for args in (None, push)]
        z = jnp.concatenate([Q, jax.grad(two_rods, 2)(0.0, Q, V)])
        return rates, pushed(0.0, z) - free(0.0, z)

    rates, change = values(x)
    for rate, args in zip(rates, (None, push), strict=True):
        assert_close(rate, jnp.dot(drag(0.0, Q, V, args), V), 30.0)
    assert_close(change, jnp.concatenate([jnp.zeros(2), -0.3 * V]), 30.0)


def test_noether_and_poisson_brackets():
    def central(t, q, v):
        return jnp.sum(v**2) - 1 / jnp.sqrt(jnp.sum(q**2))

    def turn(q):
        return jnp.stack([-q[1], q[0]])

    def area(t, x):
        return x[0] * x[3] - x[1] * x[2]

    def first(t, x):
        return x[0] * jnp.sin(x[2])

    momentum = F.noether(central, turn)
    energy = E.legendre(central, quadratic=True)

    @jax.jit
    def values(q, v):
        rate = F.euler_lagrange(central)(0.0, q, v)
        x = jnp.concatenate([q, 2 * v])
        return {
            "momentum": momentum(0.0, q, v),
            "its change": jax.jvp(lambda q, v: momentum(0.0, q, v), (q, v), (v, rate))[1],
            "area": F.poisson_bracket(area, energy)(0.0, x),
            "bracket": F.poisson_bracket(first, energy)(0.0, x),
            "rate": jnp.dot(jax.grad(first, 1)(0.0, x), F.HamiltonianField(energy)(0.0, x)),
            "canonical": F.poisson_bracket(lambda t, x: x[0], lambda t, x: x[2])(0.0, x),
        }

    found = values(Q, V)
    assert_close(found["momentum"], 2 * (Q[0] * V[1] - Q[1] * V[0]))
    assert_close(found["its change"], jnp.zeros(()))
    assert_close(found["area"], jnp.zeros(()))
    assert_close(found["bracket"], found["rate"])
    assert_close(found["canonical"], jnp.ones(()))


def test_massless_coordinates_are_refused():
    def massless(t, q, v):
        return v[0] ** 2 - jnp.sum(q**2)

    with pytest.raises(ValueError, match=r"L_vv of the Lagrangian must be regular.*(nan|inf)"):
        F.euler_lagrange(massless)(0.0, Q, V)
    rows = jax.jit(F.euler_lagrange(massless))(0.0, Q, V)
    assert not bool(jnp.isfinite(rows).all())


def along_one_line(t, q, v):
    """Mass along (1, 3) only: its matrix has rank one, but rounding makes both pivots differ from
    zero, so that a bare solve answers with 1e16.
    """
    return jnp.dot(jnp.asarray([0.1, 0.3], v.dtype), v) ** 2 * 5 - jnp.sum(q**2)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_masses_that_only_rounding_makes_regular_are_refused(dtype):
    q, v = Q.astype(dtype), V.astype(dtype)
    with pytest.raises(ValueError, match=rf"must be regular.*condition number.*{dtype.__name__}"):
        F.euler_lagrange(along_one_line)(0.0, q, v)
    x = jnp.concatenate([q, v])
    field = F.LagrangianField(along_one_line)
    with pytest.raises(ValueError, match="must be regular"):
        field(0.0, x)
    orbit = jax.jit(lambda x: I.rollout(I.rk4, field, x, (0.1, 2)).finite_steps)(x)
    assert int(orbit) == 0
    canonical = F.CanonicalLagrangianField(along_one_line, quadratic=True)
    with pytest.raises(ValueError, match="L_vv is regular"):
        canonical(0.0, x)
    assert bool(jnp.isnan(jax.jit(canonical.energy.gradient)(0.0, x)).any())


def test_masses_of_very_different_size_are_regular():
    """A star and a grain of dust: nothing is lost, whatever the unit of mass."""
    masses = jnp.array([2e30, 1e-9])
    push = jnp.array([2e30, 3e-9])
    rate = F.euler_lagrange(lambda t, q, v: jnp.sum(masses * v**2) / 2 + jnp.sum(push * q))
    assert_close(rate(0.0, Q, V), jnp.array([1.0, 3.0]))


class Rest(F.AbstractField):
    """A Lagrangian without mass, on a field that never asks for it."""

    @property
    def structure(self):
        return frozenset()

    def lagrangian(self, t, q, v):
        return along_one_line(t, q, v)

    def __call__(self, t, x, args=None):
        return jnp.zeros_like(x)


def test_variational_steps_refuse_a_lagrangian_without_mass():
    x = jnp.concatenate([Q, jnp.array([0.1, 0.3])])
    with pytest.raises(ValueError, match="L_vv of the Lagrangian must be regular"):
        I.rollout(I.variational_midpoint, Rest(), x, (0.1, 2))
    inside = jax.jit(lambda x: I.rollout(I.variational_midpoint, Rest(), x, (0.1, 2)).xs)
    assert bool(jnp.isnan(inside(x)[1]).all())


def test_a_motion_keeps_its_energy():
    """Euler-Lagrange under a Gauss method of order 6: the energy to its accuracy."""
    field = F.LagrangianField(two_rods)
    xs = jax.jit(lambda x: I.rollout(I.Gauss(3), field, x, (0.02, 50)).xs)(
        jnp.array([0.5, -0.4, 0.0, 0.0])
    )
    energies = jax.vmap(field.energy, in_axes=(None, 0))(0.0, xs)
    assert float(jnp.abs(energies - energies[0]).max()) <= 1e-8
