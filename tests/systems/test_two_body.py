"""Kepler's closed form, and the orbits that the sampler draws."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.systems import ThreeBody, TwoBody, anomaly_change

PAIR = TwoBody()


def _start(eccentricity, system=PAIR):
    """Both bodies at the far end of an ellipse of semi-major axis 1, centre at rest."""
    m1, m2 = system.masses
    total = m1 + m2
    speed = jnp.sqrt(system.gravity * total * (1 - eccentricity) / (1 + eccentricity))
    place, push = jnp.array([1 + eccentricity, 0.0]), m1 * m2 / total * speed * jnp.array([0.0, 1])
    return jnp.concatenate([-m2 / total * place, m1 / total * place, -push, push])


def test_period_and_energy():
    system = TwoBody(masses=(1.0, 3.0), gravity=2.0)
    period = 2 * jnp.pi / 8.0**0.5

    @jax.jit
    @jax.vmap
    def measure(eccentricity):
        x = _start(eccentricity, system)
        times = period * jnp.array([1.0, 1000.0, 0.5, 0.01, 0.123, -0.7])
        states = jax.vmap(system.solution, in_axes=(0, None))(times, x)
        drift = system.energy(0.0, states.T) - system.energy(0.0, x)
        near = states[2, 2] - states[2, 0] + (1 - eccentricity)
        once, often = jnp.abs(states[0] - x).max(), jnp.abs(states[1] - x).max()
        return jnp.stack([once, often / 1000, jnp.abs(near), jnp.abs(drift).max()])

    eccentricity = jnp.array([0.0, 0.3, 0.9, 0.99])
    # A state error of round-off grows with 1 / (1 - e)^2 near the close encounter.
    slack = 1 / (1 - eccentricity) ** 2
    assert (measure(eccentricity).max(axis=1) / slack).max() <= tol(slack.dtype)


def test_kepler_equation_over_all_bound_orbits():
    draws = jnp.meshgrid(
        jnp.linspace(0.0, 0.999, 40),
        jnp.linspace(-jnp.pi, jnp.pi, 41),
        jnp.array([-7.0, -1e-3, 0.0, 0.5, 3.0]),
    )
    eccentricity, phase, elapsed = (part.ravel() for part in draws)
    cosine, sine = eccentricity * jnp.cos(phase), eccentricity * jnp.sin(phase)
    x = jax.jit(jax.vmap(anomaly_change))(cosine, sine, elapsed)
    residual = x - cosine * jnp.sin(x) + sine * (1 - jnp.cos(x)) - elapsed
    assert jnp.abs(residual).max() <= tol(x.dtype, 10)


def test_circle_has_finite_gradients():
    """The perihelion of a circle is not defined; the flow is smooth there all the same."""
    jacobian = jax.jit(jax.jacrev(partial(PAIR.solution, 2.0)))(_start(0.0))
    assert jnp.isfinite(jacobian).all()


def test_unbound_orbits_are_an_error():
    x = _start(0.0).at[4:].multiply(2.0)
    with pytest.raises(eqx.EquinoxRuntimeError, match="bound orbit"):
        jax.block_until_ready(PAIR.solution(1.0, x))


def test_sampled_pairs(getkey):
    xs = jax.jit(jax.vmap(PAIR.sample))(jr.split(getkey(), 500))
    assert ((xs[:, :2] >= 0.5) & (xs[:, :2] <= 1.5)).all()
    assert jnp.array_equal(xs[:, 2:4], -xs[:, :2])
    assert jnp.array_equal(xs[:, 6:], -xs[:, 4:6])
    radius, speed = (jnp.sqrt(jnp.sum(xs[:, i : i + 2] ** 2, axis=1)) for i in (0, 4))
    factor = 2 * speed * jnp.sqrt(radius) - 1
    assert abs(float(jnp.std(factor)) - 0.05) < 0.01
    assert jnp.abs(jnp.sum(xs[:, :2] * xs[:, 4:6], axis=1)).max() <= tol(xs.dtype)


def test_lagrange_triangle_turns_rigidly(getkey):
    """Without noise all separations are equal and stay so: rates of the distances vanish."""
    system = ThreeBody(masses=(1.0, 2.0, 0.5), velocity_noise=0.0)
    x = system.sample(getkey())
    places, momenta = x[:6].reshape(3, 2), x[6:].reshape(3, 2)
    mass = jnp.array([1.0, 2.0, 0.5])[:, None]
    velocities, forces = momenta / mass, system.field(0.0, x)[6:].reshape(3, 2)
    total, spread = 3.5, places[0] - places[1]
    turn = total / jnp.sum(spread**2) ** 1.5
    assert jnp.abs(momenta.sum(axis=0)).max() <= tol(x.dtype)
    assert jnp.abs(forces / mass + turn * places).max() <= tol(x.dtype)
    assert jnp.abs(jnp.sum(velocities * places, axis=1)).max() <= tol(x.dtype)


def test_pairs_count_once(getkey):
    """The energy of three bodies against the sum written out."""
    system = ThreeBody(gravity=0.7, masses=(1.0, 2.0, 3.0))
    x = system.sample(getkey())
    r = x[:6].reshape(3, 2)
    apart = [jnp.sqrt(jnp.sum((r[i] - r[j]) ** 2)) for i, j in ((0, 1), (0, 2), (1, 2))]
    expected = -0.7 * (2 / apart[0] + 3 / apart[1] + 6 / apart[2])
    expected = expected + jnp.sum(x[6:] ** 2 / jnp.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0])) / 2
    assert abs(system.energy(0.0, x) - expected) <= tol(x.dtype, 10)
