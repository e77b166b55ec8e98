"""Pair laws, the potential of N bodies and the unstructured pair force."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.energies import (
    CorrectedPowerLaw,
    FixedPowerLaw,
    MLPLaw,
    PairwisePotential,
    PowerLaw,
    local_exponent,
)
from dynnets.fields import PairForceField, PairwiseField
from dynnets.integrators import rollout, yoshida4

MASSES = jnp.array([2.0, 0.5, 1.5, 0.1])


def _corrected(key):
    law = CorrectedPowerLaw(PowerLaw(jnp.array(3.0), jnp.array(-0.8), 2.0), 0.1, 10.0, key=key)
    # the correction starts at zero: give it something to correct
    return jax.tree.map(lambda leaf: leaf + 0.3, law)


LAWS = {
    "power": lambda key: PowerLaw(jnp.array(3.0), jnp.array(-0.8), 2.0),
    "spring": lambda key: PowerLaw(jnp.array(3.0), jnp.array(2.0)),
    "fixed": lambda key: FixedPowerLaw(jnp.array(3.0)),
    "corrected": _corrected,
    "net": lambda key: MLPLaw(jnp.array(2.0), 0.1, 10.0, 8, 2, key=key),
}


@pytest.mark.parametrize("name", LAWS)
def test_slope_is_the_derivative(name, getkey):
    law, r = LAWS[name](getkey()), jnp.linspace(0.2, 8.0, 7)
    assert jnp.abs(law.slope(r) - jax.vmap(jax.grad(law))(r)).max() < tol(r.dtype, 100)
    assert law(r.reshape(7, 1)).shape == (7, 1)


def test_power_law_is_what_it_says():
    law, r = PowerLaw(jnp.array(3.0), jnp.array(-0.8), 2.0), jnp.array([0.5, 2.0, 9.0])
    assert jnp.allclose(law.slope(r), 3.0 * (r / 2) ** -1.8)
    assert jnp.allclose(local_exponent(law, r), -0.8)
    gravity = FixedPowerLaw(jnp.array(4.0))
    assert jnp.allclose(gravity(r), -4.0 / r)
    assert jnp.allclose(local_exponent(gravity, r), -1.0)


def test_correction_starts_at_zero(getkey):
    power = PowerLaw(jnp.array(3.0), jnp.array(-1.0))
    law, r = CorrectedPowerLaw(power, 1.0, 5.0, key=getkey()), jnp.array([1.0, 3.0])
    assert (law.correction(r) == 0).all()
    assert (law(r) == power(r)).all() and (law.slope(r) == power.slope(r)).all()


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("space_dim", [1, 2, 3])
def test_gradient_is_in_closed_form(name, space_dim, getkey):
    potential = PairwisePotential(LAWS[name](getkey()), MASSES, space_dim)
    q = jr.normal(getkey(), (potential.dim,))
    exact = jax.grad(lambda q: potential(0.0, q))(q)
    assert jnp.abs(potential.gradient(0.0, q) - exact).max() < 1e-10 * jnp.abs(exact).max()
    batch = jr.normal(getkey(), (potential.dim, 3))
    each = jax.vmap(lambda q: potential.gradient(0.0, q), in_axes=-1, out_axes=-1)(batch)
    assert jnp.allclose(potential.gradient(0.0, batch), each, rtol=1e-10)
    values = jax.vmap(lambda q: potential(0.0, q), in_axes=-1)(batch)
    assert jnp.allclose(potential(0.0, batch), values, rtol=1e-10)


def test_potential_has_the_symmetries_of_space(getkey):
    potential = PairwisePotential(_corrected(getkey()), MASSES)
    points = jr.normal(getkey(), (4, 3))
    turn = jnp.linalg.qr(jr.normal(getkey(), (3, 3)))[0]
    value = potential(0.0, points.ravel())
    moved = points @ turn.T + jnp.array([[1.0, -2.0, 0.5]])
    assert jnp.allclose(potential(0.0, moved.ravel()), value)
    order = jnp.array([2, 0, 3, 1])
    # the mass of body 0 is the unit, so the masses are given back to it
    renamed = PairwisePotential(
        potential.law, MASSES[order], reference=float(MASSES[2] / MASSES[0])
    )
    assert jnp.allclose(renamed(0.0, points[order].ravel()), value)


def test_momentum_and_energy_are_kept(getkey):
    field = PairwiseField(PairwisePotential(_corrected(getkey()), MASSES))
    x = jr.normal(getkey(), (24,))
    rate = field(0.0, x)
    weight = field.potential.mass_per_coordinate()
    force = (weight * rate[12:]).reshape(4, 3)
    assert jnp.abs(force.sum(axis=0)).max() < tol(x.dtype, 10)
    torque = jnp.cross(x[:12].reshape(4, 3), force).sum(axis=0)
    assert jnp.abs(torque).max() < tol(x.dtype, 10)
    slope = field.energy.gradient(0.0, x)
    assert jnp.abs(slope - jax.grad(lambda x: field.energy(0.0, x))(x)).max() < tol(x.dtype, 10)
    assert jnp.abs(slope @ rate) < tol(x.dtype, 10)
    assert jnp.abs(field.matrix @ slope - rate).max() < tol(x.dtype, 10)
    assert field.momentum(x).shape == (3,)


def test_velocities_and_momenta_give_the_same_orbit(getkey):
    field = PairwiseField(PairwisePotential(FixedPowerLaw(jnp.array(1.0)), MASSES))
    x = jr.normal(getkey(), (24,))
    weight = field.potential.mass_per_coordinate()
    one = rollout(yoshida4, field, x, (0.01, 20)).xs
    start = jnp.concatenate([x[:12], weight * x[12:]])
    other = rollout(yoshida4, field.canonical, start, (0.01, 20)).xs
    assert jnp.abs(one[:, :12] - other[:, :12]).max() < 1e-9
    assert jnp.abs(one[:, 12:] * weight[None] - other[:, 12:]).max() < 1e-9


def test_pair_force_moves_with_its_bodies(getkey):
    field = PairForceField(jnp.ones(3), 2, 0.1, 5.0, 8, 2, key=getkey())
    x = jr.normal(getkey(), (12,))
    shifted = x.at[:6].add(jnp.tile(jnp.array([0.7, -0.2]), 3))
    assert jnp.abs(field(0.0, shifted) - field(0.0, x)).max() < tol(x.dtype)
    force = field.kick(0.0, x[:6]).reshape(3, 2)
    assert jnp.abs(force.sum(axis=0)).max() > 1e-3  # no third law
    batch = jr.normal(getkey(), (12, 4))
    each = jax.vmap(lambda x: field(0.0, x), in_axes=-1, out_axes=-1)(batch)
    assert jnp.abs(field(0.0, batch) - each).max() < tol(x.dtype)
    assert field.structure == frozenset()


def test_bad_arguments_are_named(getkey):
    law = FixedPowerLaw(jnp.array(1.0))
    with pytest.raises(ValueError, match="-1"):
        PairwisePotential(law, jnp.array([1.0, -1.0]))
    with pytest.raises(ValueError, match=r"\(1,\)"):
        PairwisePotential(law, jnp.ones(1))
    with pytest.raises(ValueError, match="-2"):
        PowerLaw(jnp.array(-2.0), jnp.array(1.0))
    with pytest.raises(ValueError, match="0"):
        FixedPowerLaw(jnp.array(1.0), 0.0)
    with pytest.raises(ValueError, match="high = 2"):
        MLPLaw(jnp.array(1.0), 3.0, 2.0, key=getkey())
    with pytest.raises(ValueError, match="high = 1"):
        PairForceField(jnp.ones(2), 3, 2.0, 1.0, key=getkey())
