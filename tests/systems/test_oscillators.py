"""Damped, forced, chained and coupled oscillators: what their own files promise."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol
from scipy.linalg import expm

from dynnets.structure import DISSIPATIVE, SYMPLECTIC
from dynnets.systems import (
    DampedOscillator,
    DoublePendulum,
    ForcedOscillator,
    Harmonic,
    HenonHeiles,
    SpringChain,
    random_chain,
)


@pytest.mark.parametrize("damping", [0.0, 0.2, 1.9999999, 2.0, 2.0000001, 50.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_strength_of_damping(damping, dtype):
    """The flow of the linear field, `expm(t A)`, to round-off through critical damping."""
    system = DampedOscillator(stiffness=1.0, mass=1.0, damping=damping)
    matrix = np.array([[0.0, 1.0], [-1.0, -damping]])
    identity = jnp.eye(2, dtype=dtype)
    solve = jax.jit(system.solution)
    for t in (0.0, 0.01, 1.0, 12.0):
        found = solve(t, identity)
        assert found.dtype == dtype
        expected = expm(t * matrix)
        assert np.abs(np.asarray(found) - expected).max() <= tol(dtype)
    assert np.isfinite(solve(1e4, identity)).all()


def test_damping_takes_energy():
    system = DampedOscillator(damping=0.4)
    assert DISSIPATIVE in system.field.structure
    x = jnp.array([0.3, 0.8])
    power = jnp.sum(system.energy.gradient(0.0, x) * system.field(0.0, x))
    assert abs(power + 0.4 * 0.8**2) <= tol(x.dtype)


def test_input_adds_to_the_force():
    field = ForcedOscillator(amplitude=0.5, frequency=2.0).field
    x, u = jnp.array([0.1, 0.2]), jnp.array([0.7])
    expected = field(0.3, x) + jnp.array([0.0, 0.7])
    assert jnp.abs(field(0.3, x, u) - expected).max() <= tol(x.dtype)
    assert jnp.array_equal(field(0.3, x, u), field(0.3, x, lambda t: u))
    batch = jnp.stack([x, 2 * x, 3 * x], axis=1)
    assert jnp.abs(field(0.3, batch, u)[:, 0] - expected).max() <= tol(x.dtype)


def test_undamped_force():
    system = ForcedOscillator(damping=0.0, frequency=0.5)
    assert SYMPLECTIC in system.field.structure
    assert SYMPLECTIC not in ForcedOscillator(damping=0.1).field.structure
    x = system.solution(0.8, jnp.zeros(2))
    expected = (jnp.cos(0.5 * 0.8) - jnp.cos(0.8)) / 0.75
    assert abs(x[0] - expected) <= tol(x.dtype)
    with pytest.raises(ValueError, match=r"own frequency 1\.0"):
        ForcedOscillator(damping=0.0, frequency=1.0).solution(0.1, jnp.zeros(2))


def test_reference_spring():
    system = Harmonic(stiffness=2.0, mass=0.5)
    x = jnp.array([0.6, -0.3])
    assert abs(system.energy(0.0, x) - 0.45) <= tol(x.dtype)
    assert jnp.abs(system.solution(jnp.pi, x) - x).max() <= tol(x.dtype)


def test_one_mass_chain_is_a_harmonic_oscillator():
    chain, single = SpringChain(1, stiffness=1.5, mass=0.7), Harmonic(stiffness=3.0, mass=0.7)
    x = jnp.array([0.4, -0.9])
    assert jnp.abs(chain.solution(2.2, x) - single.solution(2.2, x)).max() <= tol(x.dtype)
    assert jnp.abs(chain.field(0.0, x) - single.field(0.0, x)).max() <= tol(x.dtype)


def test_random_chain(getkey):
    key = getkey()
    chain = random_chain(20, key=key)
    assert chain.dim == 40
    assert chain.masses == random_chain(20, key=key).masses
    assert min(chain.masses) >= 0.2
    assert min(chain.stiffnesses) >= 1.0
    x = chain.sample(key)
    assert jnp.abs(x).max() <= 2.5
    assert jnp.array_equal(x[jnp.array([0, 19, 20, 39])], jnp.zeros(4))


@pytest.mark.parametrize("coupling", [0.5, 1.0])
def test_henon_heiles_samples_have_the_asked_energy(coupling, getkey):
    top = 1 / (6 * coupling**2)
    system = HenonHeiles(coupling=coupling, energies=(1e-3 * top, top))
    xs = jax.jit(jax.vmap(system.sample))(jr.split(getkey(), 2000))
    energy = system.energy(0.0, xs.T)
    assert energy.min() >= 1e-3 * top * (1 - 1e-9)
    assert energy.max() <= top * (1 + 1e-9)
    assert energy.max() - energy.min() >= 0.95 * top
    # Inside the triangle: y >= -1/(2c) and the two slanted sides.
    q = coupling * xs[:, :2].T
    slanted = 1 - q[1] - 3**0.5 * jnp.abs(q[0])
    assert jnp.minimum(q[1] + 0.5, slanted).min() >= -1e-9


def test_double_pendulum_momenta(getkey):
    """`momenta` inverts `velocities`, and the Lagrangian form of the energy agrees."""
    system = DoublePendulum(masses=(1.0, 0.7), lengths=(1.2, 0.6))
    q, v = jr.normal(getkey(), (2,)), jr.normal(getkey(), (2,))
    p = system.momenta(q, v)
    assert jnp.abs(system.velocities(q, p) - v).max() <= tol(q.dtype)
    first = 1.2 * v[0] * jnp.stack([jnp.cos(q[0]), jnp.sin(q[0])])
    second = first + 0.6 * v[1] * jnp.stack([jnp.cos(q[1]), jnp.sin(q[1])])
    kinetic = jnp.sum(first**2) / 2 + 0.7 * jnp.sum(second**2) / 2
    height = 1.7 * 1.2 * (1 - jnp.cos(q[0])) + 0.7 * 0.6 * (1 - jnp.cos(q[1]))
    found = system.energy(0.0, jnp.concatenate([q, p]))
    assert abs(found - kinetic - 9.8 * height) <= tol(q.dtype, 10)
