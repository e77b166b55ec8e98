"""The pendulum's closed form over its whole phase plane."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tol

from dynnets.systems import Pendulum

HNN = Pendulum(mass=0.5, length=1.0, gravity=6.0)


@pytest.mark.parametrize("modulus", [0.01, 0.3, 0.9, 0.995])
def test_period_of_swings_against_the_complete_integral(modulus):
    """`T = 4 K(k^2) / w` with `k = sin(q_max / 2)`, the integral by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(100)
    angles = np.pi / 4 * (nodes + 1)
    quarter = np.pi / 4 * np.sum(weights / np.sqrt(1 - (modulus * np.sin(angles)) ** 2))
    x = jnp.array([2 * np.arcsin(modulus), 0.0])
    period = float(4 * quarter / 6.0**0.5)
    assert jnp.abs(HNN.solution(period, x) - x).max() <= tol(x.dtype)
    assert jnp.abs(HNN.solution(period / 2, x) + x).max() <= tol(x.dtype)


def test_reference_energy():
    x = jnp.array([0.4, -1.1])
    assert jnp.abs(HNN.energy(0.0, x) - (3 * (1 - jnp.cos(0.4)) + 1.1**2)) <= tol(x.dtype)


def test_energy_is_kept_on_swings_and_turns():
    q, p = jnp.meshgrid(jnp.linspace(-9.0, 9.0, 37), jnp.linspace(-5.0, 5.0, 21))
    x = jnp.stack([q.ravel(), p.ravel()])
    start = HNN.energy(0.0, x)
    for t in (0.3, 4.0, 100.0):
        drift = HNN.energy(t, HNN.solution(t, x)) - start
        assert jnp.abs(drift).max() <= tol(x.dtype, float(start.max()))


def test_angle_is_continuous_and_counts_turns():
    ts = jnp.linspace(-30.0, 30.0, 4001)
    path = jax.jit(jax.vmap(HNN.solution, in_axes=(0, None)))(ts, jnp.array([0.3, 3.0]))
    steps = jnp.diff(path[:, 0]) / jnp.diff(ts)
    assert (steps > 0).all()
    assert jnp.abs(steps).max() < 2 * path[:, 1].max() * 1.001
    assert path[-1, 0] - path[0, 0] > 8 * 2 * jnp.pi


def test_separatrix_reaches_the_top():
    """`q = 2 arcsin(tanh(w t))` from the bottom with just the energy of the top."""
    system = Pendulum()
    for t in (0.5, 2.0, 5.0):
        q, p = system.solution(t, jnp.array([0.0, 2.0]))
        assert abs(q - 2 * jnp.arcsin(jnp.tanh(t))) <= 1e-7  # the state at e^t times round-off
        assert abs(p - 2 / jnp.cosh(t)) <= 1e-7


def test_rest_and_small_swings():
    rest = HNN.solution(3.0, jnp.zeros(2))
    assert jnp.array_equal(rest, jnp.zeros(2))
    frequency = 6.0**0.5
    q = HNN.solution(0.7, jnp.array([1e-6, 0.0]))[0]
    assert abs(q / 1e-6 - jnp.cos(frequency * 0.7)) <= 1e-10


@pytest.mark.parametrize("low, high", [(1.3, 2.3), (0.2, 0.2)])
def test_sampled_radius(low, high, getkey):
    system = Pendulum(radius=(low, high))
    xs = jax.vmap(system.sample)(jax.random.split(getkey(), 500))
    radius = jnp.sqrt(jnp.sum(xs**2, axis=1))
    assert radius.min() >= low * (1 - 1e-12)
    assert radius.max() <= high * (1 + 1e-12)
    assert radius.max() - radius.min() >= 0.9 * (high - low)
