"""Chains, lattices, populations, spinning bodies: what their own files promise."""

from functools import partial

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.fields import split_phase
from dynnets.integrators import cayley, rollout, strang
from dynnets.structure import NORM, structure_of
from dynnets.systems import (
    FermiPastaUlamTsingou,
    LotkaVolterra,
    NonlinearSchroedinger,
    NonseparableOscillator,
    RigidBody,
    SpringChain,
    StiffChain,
    Toda,
    WaveLattice,
)


@pytest.mark.parametrize("n, periodic", [(2, True), (5, True), (5, False)])
def test_toda_integrals_hold_momentum_and_energy(n, periodic, getkey):
    system = Toda(n, periodic=periodic)
    x = system.sample(getkey()) + jnp.concatenate([jnp.zeros(n), 0.3 * jnp.ones(n)])
    values = system.integrals(x)
    assert values.shape == (n,)
    assert jnp.abs(jnp.sum(values) - jnp.sum(x[n:])) <= tol(x.dtype)
    if n > 2:  # the two bonds of a ring of two share a corner
        bonds = n if periodic else n - 1
        expected = 2 * system.energy(0.0, x) + 2 * bonds
        assert jnp.abs(jnp.sum(values**2) - expected) <= tol(x.dtype, 10)


def test_fermi_pasta_ulam_without_nonlinearity_is_the_spring_chain(getkey):
    system, chain = FermiPastaUlamTsingou(7, alpha=0.0), SpringChain(7)
    x = jr.normal(getkey(), (14,))
    assert jnp.abs(system.field(0.0, x) - chain.field(0.0, x)).max() <= tol(x.dtype)
    assert jnp.abs(system.modes(system.modes(x)) - x).max() <= tol(x.dtype)
    energies = system.mode_energies(x)
    assert jnp.abs(jnp.sum(energies) - system.energy(0.0, x)) <= tol(x.dtype, 10)
    later = chain.solution(1.7, x)
    assert jnp.abs(system.mode_energies(later) - energies).max() <= tol(x.dtype, 10)


def test_fermi_pasta_ulam_samples_excite_one_mode(getkey):
    system = FermiPastaUlamTsingou(9, mode=2, amplitude=(0.5, 0.5))
    energies = system.mode_energies(system.sample(getkey()))
    assert energies[1] > 0
    assert jnp.abs(jnp.delete(energies, 1)).max() <= 1e-25


def test_stiff_springs_oscillate_alone_when_the_soft_ones_are_slack():
    system = StiffChain(2, frequency=30.0)
    x = jnp.zeros(8).at[2].set(1e-4)
    assert jnp.abs(system.field(0.0, x)[6] + 0.09).max() <= 1e-9
    assert jnp.abs(system.oscillatory_energies(x)[0] - 900 * 1e-8 / 2) <= 1e-15


def test_the_period_of_the_nonseparable_oscillator():
    """3.261057 at `H = 5`, from the literature of its learners; and its point of rest."""
    system = NonseparableOscillator()
    x = jnp.array([0.0, -3.0])
    assert jnp.abs(system.solution(3.261057, x) - x).max() <= 1e-5
    assert jnp.abs(system.solution(1.0, x) - jnp.array([-2.5472184, 0.5791483])).max() <= 1e-7
    assert jnp.array_equal(system.solution(0.7, jnp.zeros(2)), jnp.zeros(2))


def test_the_ceiling_of_the_nonseparable_oscillator(getkey):
    keys = jr.split(getkey(), 300)
    system = NonseparableOscillator(ceiling=12.5)
    x = jax.jit(jax.vmap(system.sample))(keys).T
    assert 11 < system.energy(0.0, x).max() <= 12.5
    x = jax.jit(jax.vmap(NonseparableOscillator().sample))(keys)
    assert 3.9 < jnp.abs(x).max() <= 4


def test_populations_obey_lotka_and_volterra():
    system = LotkaVolterra(growth=1.1, capture=0.4, death=0.8, gain=0.3)
    x = jnp.array([0.4, -0.7])
    counts = system.populations(x)
    rate = counts * system.field(0.0, x)
    field = system.population_field
    assert jnp.abs(field(0.0, counts) - rate).max() <= tol(x.dtype)
    assert jnp.abs(system.logarithms(counts) - x).max() <= tol(x.dtype)
    assert jnp.abs(field.energy(0.0, counts) - system.energy(0.0, x)) <= tol(x.dtype)
    assert jnp.abs(jnp.sum(field.energy.gradient(0.0, counts) * rate)) <= tol(x.dtype)
    assert jnp.abs(system.field(0.0, system.equilibrium())).max() <= tol(x.dtype)


def test_the_skew_matrix_of_a_rigid_body(getkey):
    field = RigidBody(moments=(2.0, 0.9, 0.4)).field
    x = jr.normal(getkey(), (3, 4))
    skew = field.skew(0.0, x)
    assert jnp.array_equal(skew, -jnp.swapaxes(skew, 0, 1))
    product = jnp.einsum("ijn,jn->in", skew, x)
    assert jnp.abs(product - field(0.0, x)).max() <= tol(x.dtype)


@pytest.mark.parametrize("step", [cayley, strang], ids=["cayley", "strang"])
def test_steps_of_a_rigid_body_stay_on_the_sphere(step, getkey):
    field = RigidBody().field
    x = jr.normal(getkey(), (3,))
    assert NORM in structure_of(step, field)
    end = jax.jit(lambda y: rollout(step, field, y, (0.2, 500)).xs[-1])(x)
    assert jnp.abs(jnp.sum(end**2) - jnp.sum(x**2)) <= tol(x.dtype, 10)


def test_a_soliton_travels_unchanged():
    """Split steps of the two exact flows; the error is the step's, `O(h^2)`."""
    system = NonlinearSchroedinger(256, length=40.0, focusing=2.0)
    velocity = 2 * np.pi * 3 / 40.0
    x = system.soliton(0.0, 0.8, velocity)
    run = partial(rollout, strang, system.field, x)
    ends = {n: jax.jit(lambda h, n=n: run((h, n)).xs[-1])(2.0 / n) for n in (100, 200)}
    exact = system.soliton(2.0, 0.8, velocity)
    errors = {n: float(jnp.abs(end - exact).max()) for n, end in ends.items()}
    assert errors[100] <= 1e-3
    assert 3.8 <= errors[100] / errors[200] <= 4.2
    assert jnp.abs(system.mass(ends[200]) - system.mass(x)) <= tol(x.dtype)
    assert jnp.abs(system.momentum(ends[200]) - system.momentum(x)) <= tol(x.dtype, 10)
    assert jnp.abs(system.mass(x) - 2 * 0.8 / 2**0.5) <= 1e-8  # 2 A / sqrt(kappa)
    assert jnp.abs(system.state(system.wave(x)) - x).max() <= tol(x.dtype)
    rate = jax.jvp(lambda t: system.soliton(t, 0.8, velocity), (0.0,), (1.0,))[1]
    assert jnp.abs(system.field(0.0, x) - rate).max() <= 1e-7


def test_a_sine_gordon_breather_needs_no_small_step():
    """The exact breather `4 arctan(b sin(w t) / (w cosh(b y)))`, `w^2 + b^2 = 1`, at `t = 5`.

    The step is above the bound `spacing / speed` of explicit methods.
    """
    system = WaveLattice(1024, length=40.0)
    w, b = 0.6, 0.8
    y = system.grid - 20.0
    x = system.state(jnp.zeros_like(y), 4 * b / jnp.cosh(b * y))
    end = jax.jit(lambda z: rollout(strang, system.field, z, (0.05, 100)).xs[-1])(x)
    exact = 4 * jnp.arctan(b * jnp.sin(5 * w) / (w * jnp.cosh(b * y)))
    found = split_phase(end)[0] / (40.0 / 1024) ** 0.5
    assert jnp.abs(found - exact).max() <= 1e-2  # measured 5e-3; of the order of step^2


def test_large_lattices_cost_no_matrix():
    """2^16 unknowns in float32: a matrix would take 16 GiB."""
    for system in (NonlinearSchroedinger(2**15), WaveLattice(2**15, force="phi4")):
        x = system.sample(jr.key(0)).astype("float32")
        rate, moved = jax.jit(lambda y, s=system: (s.field(0.0, y), s.field.flows[0](0.0, y, 0.1)))(
            x
        )
        assert rate.dtype == moved.dtype == x.dtype
        assert jnp.isfinite(rate).all() and jnp.isfinite(moved).all()


def test_a_chain_with_a_free_end_swings_at_its_own_frequencies(getkey):
    """`w_k = 2 sqrt(k / m) sin((2 k - 1) pi / (2 (2 n + 1)))`, one mode at a time; half of a chain
    of `2 n + 1` masses between walls in its symmetric modes.
    """
    n, stiffness, mass = 4, 3.0, 0.7
    chain = SpringChain(n, stiffness=stiffness, mass=mass, end="free")
    place = jnp.arange(1.0, n + 1)
    for k in (1, 3):
        wave = (2 * k - 1) * jnp.pi / (2 * n + 1)
        frequency = 2 * (stiffness / mass) ** 0.5 * jnp.sin(wave / 2)
        shape = jnp.sin(place * wave)
        start = jnp.concatenate([shape, jnp.zeros(n)])
        later = chain.solution(0.9, start)
        assert jnp.abs(later[:n] - shape * jnp.cos(0.9 * frequency)).max() <= tol(later.dtype)
    x = chain.sample(getkey())
    assert x[0] == 0 and x[n] == 0 and x[n - 1] != 0  # the mass at the wall rests, the last doesn't
    assert jnp.abs(chain.energy(0.0, chain.solution(2.0, x)) - chain.energy(0.0, x)) <= tol(
        x.dtype, 10
    )
    rate = jax.jacfwd(lambda t: chain.solution(t, x))(0.0)
    assert jnp.abs(rate - chain.field(0.0, x)).max() <= tol(x.dtype, 10)
    moved = jnp.concatenate([jnp.ones(n), jnp.zeros(n)])  # only the spring at the wall is strained
    expected = jnp.zeros(2 * n).at[n].set(-stiffness)
    assert jnp.abs(chain.field(0.0, moved) - expected).max() <= tol(x.dtype)


def test_ends_of_a_chain_that_are_refused():
    with pytest.raises(ValueError, match="end must be one of free, wall, got 'open'"):
        SpringChain(2, end="open")
    with pytest.raises(ValueError, match="stiffness must hold 2"):
        SpringChain(2, stiffness=(1.0, 2.0, 3.0), end="free")
