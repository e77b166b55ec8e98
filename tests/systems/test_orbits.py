"""Kepler's ellipse, several bodies, vortices, charged particles: what their own files promise."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.fields import join_phase, split_phase
from dynnets.integrators import rollout, yoshida4
from dynnets.systems import (
    ChargedParticle,
    Kepler,
    PlanarNBody,
    PointVortices,
    random_vortices,
)


@pytest.mark.parametrize("eccentricity", [0.0, 0.6, 0.95])
def test_kepler_samples_have_the_asked_orbit(eccentricity, getkey):
    system = Kepler(eccentricity=eccentricity, axis=1.3, strength=0.7)
    x = jax.jit(jax.vmap(system.sample))(jr.split(getkey(), 50)).T
    energy = system.energy(0.0, x)
    slack = tol(x.dtype, 1 / (1 - eccentricity) ** 2)
    assert jnp.abs(energy + 0.7 / 2.6).max() <= slack
    size = jnp.sqrt(jnp.sum(system.laplace_runge_lenz(x) ** 2, axis=0))
    assert jnp.abs(size - 0.7 * eccentricity).max() <= slack
    assert (system.angular_momentum(x) > 0).all()


def test_kepler_returns_after_a_period():
    system = Kepler(eccentricity=0.9)
    x = system.perihelion()
    assert jnp.abs(x - jnp.array([0.1, 0.0, 0.0, 19**0.5])).max() <= tol(x.dtype)
    assert jnp.abs(system.solution(3 * system.period, x) - x).max() <= tol(x.dtype, 100)
    far = system.solution(system.period / 2, x)
    assert jnp.abs(far - jnp.array([-1.9, 0.0, 0.0, -(19**-0.5)])).max() <= tol(x.dtype, 100)


def test_unbound_orbits_have_no_closed_form_here():
    with pytest.raises(RuntimeError, match="not on a bound orbit"):
        jax.block_until_ready(Kepler().solution(1.0, jnp.array([1.0, 0.0, 0.0, 2.0])))


def test_the_figure_eight_returns():
    """Chenciner and Montgomery's orbit of three equal masses, to the eight digits of its start."""
    place, speed = np.array([0.97000436, -0.24308753]), np.array([-0.93240737, -0.86473146])
    q = np.concatenate([place, -place, np.zeros(2)])
    p = np.concatenate([-speed / 2, -speed / 2, speed])
    x = jnp.asarray(np.concatenate([q, p]))
    field = PlanarNBody().field
    end = jax.jit(lambda y: rollout(yoshida4, field, y, (6.32591398 / 3000, 3000)).xs[-1])(x)
    assert jnp.abs(end - x).max() <= 1e-6


def test_bodies_start_apart_at_rest_with_the_asked_heat(getkey):
    system = PlanarNBody(masses=(1.0, 2.0, 0.5, 3.0), separation=0.6, virial=0.4)
    x = jax.jit(jax.vmap(system.sample))(jr.split(getkey(), 40)).T
    q, p = split_phase(x)
    assert jnp.abs(system.momentum(x)).max() <= tol(x.dtype)
    points = q.reshape(4, 2, -1)
    centre = jnp.sum(jnp.array([1.0, 2.0, 0.5, 3.0])[:, None, None] * points, axis=0)
    assert jnp.abs(centre).max() <= tol(x.dtype)
    apart = jnp.sqrt(jnp.sum((points[:, None] - points[None]) ** 2, axis=2))
    assert apart[np.triu_indices(4, 1)].min() >= 0.6
    kinetic, potential = system.field.kinetic(0.0, p), system.field.potential(0.0, q)
    assert jnp.abs(kinetic + 0.4 * potential).max() <= tol(x.dtype)


def test_two_vortices_turn_about_their_centre():
    """Angular velocity `(G_1 + G_2) / (2 pi d^2)`."""
    system = PointVortices(circulations=(1.0, 0.5))
    x = jnp.array([1.0, -2.0, 0.0, 0.0])  # centre at the origin, distance 3
    turn = 1.5 / (2 * np.pi * 9)
    assert jnp.abs(system.field(0.0, x) - turn * jnp.array([0.0, 0.0, 1.0, -2.0])).max() <= 1e-15


def test_a_vortex_pair_of_opposite_signs_moves_straight():
    system = PointVortices(circulations=(1.0, -1.0))
    rate = system.field(0.0, jnp.array([0.0, 0.0, 0.5, -0.5]))
    assert jnp.abs(rate - jnp.array([1.0, 1.0, 0.0, 0.0]) / (2 * np.pi)).max() <= 1e-15


def test_random_vortices(getkey):
    key = getkey()
    system = random_vortices(8, key=key, signed=True)
    sizes = np.abs(system.circulations)
    assert sizes.min() >= 0.5 and sizes.max() <= 1.5
    assert min(system.circulations) < 0 < max(system.circulations)
    assert min(random_vortices(8, key=key).circulations) > 0
    x = jax.jit(jax.vmap(system.sample))(jr.split(key, 5))
    points = x.reshape(5, 2, 8)
    apart = jnp.sqrt(jnp.sum((points[..., None] - points[..., None, :]) ** 2, axis=1))
    first, second = np.triu_indices(8, 1)
    assert apart[:, first, second].min() >= 0.8
    assert jnp.abs(x).max() <= 3


@pytest.mark.parametrize("growth", [0.0, 1.0])
def test_canonical_and_velocity_form_of_a_particle_agree(growth, getkey):
    system = ChargedParticle(growth=growth, electric=0.3)
    x = system.sample(getkey())
    there, rate = jax.jvp(system.momenta, (x,), (system.field(0.0, x),))
    canonical = system.canonical
    assert jnp.abs(canonical(0.0, there) - rate).max() <= tol(x.dtype)
    assert jnp.abs(system.velocities(there) - x).max() <= tol(x.dtype)
    assert jnp.abs(canonical.energy(0.0, there) - system.energy(0.0, x)) <= tol(x.dtype)
    expected = jax.grad(canonical.energy, argnums=1)(0.0, there)
    assert jnp.abs(canonical.energy.gradient(0.0, there) - expected).max() <= tol(x.dtype)


def test_a_uniform_field_makes_circles():
    """Radius `v / B`, gyration frequency `B`."""
    system = ChargedParticle(magnetic=2.0, growth=0.0, electric=0.0)
    x = jnp.array([0.0, 1.5, 1.0, 0.0])  # turns clockwise about (0, 1)
    centre = jnp.array([0.0, 1.0])
    q, v = split_phase(x)
    assert jnp.abs(split_phase(system.field(0.0, x))[1] + 4.0 * (q - centre)).max() <= 1e-14
    turned = system.field.flows[2](0.0, x, np.pi / 2)
    assert jnp.abs(turned - join_phase(q, -v)).max() <= 1e-14
