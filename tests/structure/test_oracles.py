"""Each oracle is zero where its tag holds and not zero where it does not."""

import diffrax
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol

from dynnets.analysis import observed_order
from dynnets.energies import QuadraticEnergy
from dynnets.fields import PoissonField
from dynnets.integrators import (
    ImplicitMidpoint,
    RungeKutta,
    Tao,
    symplectic_euler,
    verlet_kdk,
    yoshida4,
)
from dynnets.structure import (
    ENERGY,
    MOMENTUM,
    POISSON,
    ROWS,
    TAGS,
    angular_momentum,
    angular_momentum_defect,
    dissipation_excess,
    energy_defect,
    expansion_excess,
    momentum_defect,
    norm_defect,
    orthogonality_defect,
    poisson_defect,
    reversibility_defect,
    structure_of,
    sum_defect,
    symmetry_defect,
    symplecticity_defect,
    total_momentum,
    volume_defect,
)
from dynnets.systems import (
    DampedOscillator,
    DoublePendulum,
    Harmonic,
    HenonHeiles,
    Pendulum,
    ThreeBody,
)

TSIT5 = RungeKutta(diffrax.Tsit5())
SKEW = jnp.array([[0.0, 1.0, -0.4], [-1.0, 0.0, 0.7], [0.4, -0.7, 0.0]])
TOP = PoissonField(QuadraticEnergy(jnp.diag(jnp.array([1.0, 2.0, 3.0]))), SKEW)


def test_every_tag_has_an_oracle():
    assert set(ROWS) == set(TAGS)


@pytest.mark.parametrize(
    "step, field, x",
    [
        (yoshida4, HenonHeiles().field, jnp.array([0.1, 0.2, -0.1, 0.3])),
        (symplectic_euler, Pendulum().field, jnp.array([0.4, 1.0])),
        (Tao(20.0), DoublePendulum().field, jnp.array([0.4, -0.2, 0.3, 0.1])),
        (ImplicitMidpoint(), DoublePendulum().field, jnp.array([0.4, -0.2, 0.3, 0.1])),
        (ImplicitMidpoint(), TOP, jnp.array([0.3, -0.5, 0.2])),
    ],
    ids=["yoshida4", "symplectic_euler", "tao", "midpoint", "midpoint_poisson"],
)
def test_claims_measure_as_zero(step, field, x):
    tags = structure_of(step, field)
    assert tags

    @jax.jit
    def measure(x):
        return {tag.name: ROWS[tag].oracle(step, field, 0.0, x, 0.05) for tag in tags}

    for name, defect in measure(x).items():
        assert defect <= tol(x.dtype), name


def test_oracles_see_what_is_lost():
    field, x, h = Pendulum().field, jnp.array([0.9, 1.0]), 0.8
    names = {tag.name: tag for tag in ROWS}
    lost = ("SYMPLECTIC", "VOLUME", "SYMMETRIC", "ENERGY")
    oracles = [ROWS[names[name]].oracle for name in lost]
    found = jax.jit(lambda y: [oracle(TSIT5, field, 0.0, y, h) for oracle in oracles])(x)
    assert min(found) > 1e-8, found
    point = jnp.array([0.3, -0.5, 0.2])
    assert jax.jit(lambda y: ROWS[POISSON].oracle(TSIT5, TOP, 0.0, y, h))(point) > 1e-8
    growing, euler = Harmonic().field, RungeKutta(diffrax.Euler())
    assert ROWS[names["DISSIPATIVE"]].oracle(euler, growing, 0.0, x, h) > 0.1
    assert symmetry_defect(symplectic_euler, field, 0.0, x, h) > 1e-2
    with pytest.raises(ValueError, match="no inverse"):
        reversibility_defect(TSIT5, field, 0.0, x, h)


def test_defects_of_known_linear_maps():
    x = jnp.array([0.3, -0.7])
    stretch = jnp.diag(jnp.array([2.0, 0.5]))
    assert symplecticity_defect(lambda y: stretch @ y, x) == 0
    assert symplecticity_defect(lambda y: 2 * y, x) == 3
    assert volume_defect(lambda y: stretch @ y, x) <= tol(x.dtype)
    assert abs(volume_defect(lambda y: 2 * y, x) - 3) <= tol(x.dtype)
    assert poisson_defect(lambda y: 2 * y, jnp.ones(3), SKEW) == 3
    with pytest.raises(ValueError, match="3"):
        symplecticity_defect(lambda y: y, jnp.ones(3))
    turn = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    assert norm_defect(lambda y: turn @ y, x) <= tol(x.dtype)
    assert norm_defect(lambda y: 2 * y, x) == 1
    assert sum_defect(lambda y: y[::-1], x) == 0
    assert abs(sum_defect(lambda y: 2 * y, x) - 0.4) <= tol(x.dtype)
    assert orthogonality_defect(lambda y: turn @ y, turn) <= tol(x.dtype)
    assert abs(orthogonality_defect(lambda y: 2 * y, turn) - 3) <= tol(x.dtype)
    assert expansion_excess(lambda y: turn @ y, x) <= tol(x.dtype)
    assert abs(expansion_excess(lambda y: stretch @ y, x) - 1) <= tol(x.dtype)


def test_exact_flows_have_no_defect():
    system, x = Pendulum(), jnp.array([0.9, 1.0])
    flow = jax.jit(lambda y: system.solution(3.0, y))
    assert symplecticity_defect(flow, x) <= tol(x.dtype)
    assert energy_defect(flow, x, system.energy) <= tol(x.dtype)
    damped = DampedOscillator(damping=0.3)
    fall = jax.jit(lambda y: damped.solution(1.0, y))
    assert dissipation_excess(fall, x, damped.energy) == 0
    assert dissipation_excess(lambda y: damped.solution(-1.0, y), x, damped.energy) > 0.01
    assert abs(volume_defect(fall, x) - (1 - jnp.exp(-0.3))) <= tol(x.dtype)


def test_momenta_of_bodies():
    system = ThreeBody(masses=(1.0, 2.0, 0.5))
    x = system.sample(jr.key(0))

    @jax.jit
    def step(y):
        return verlet_kdk(system.field, 0.0, y, 0.01)

    assert total_momentum(x, 2).shape == (2,)
    assert angular_momentum(x, 2).shape == (1,)
    assert momentum_defect(step, x, 2) <= tol(x.dtype)
    assert angular_momentum_defect(step, x, 2) <= tol(x.dtype)
    oracle = jax.jit(lambda y: ROWS[MOMENTUM].oracle(verlet_kdk, system.field, 0.0, y, 0.01))
    assert oracle(x) <= tol(x.dtype)
    assert momentum_defect(lambda y: 2 * y, x + 1, 2) > 0.1
    spin = angular_momentum(jnp.array([1.0, 0, 0, 0, 2.0, 3.0]), 3)
    assert jnp.array_equal(spin, jnp.array([2.0, 3.0, 0.0]))
    with pytest.raises(ValueError, match="6 momenta are no bodies of 4"):
        total_momentum(x, 4)


@pytest.mark.parametrize("step, order", [(symplectic_euler, 1), (verlet_kdk, 2), (yoshida4, 4)])
def test_observed_order(step, order):
    system, x = Pendulum(), jnp.array([0.9, 0.4])
    found = observed_order(step, system.field, x, 2.0)
    assert abs(found - order) <= 0.15
    exact = system.solution(2.0, x)
    assert abs(observed_order(step, system.field, x, 2.0, exact=exact) - order) <= 0.15


def test_observed_order_refuses_bad_input():
    field, x = Pendulum().field, jnp.array([0.9, 0.4])
    with pytest.raises(ValueError, match=r"duration.*-1\.0"):
        observed_order(verlet_kdk, field, x, -1.0)
    with pytest.raises(ValueError, match="levels.*2"):
        observed_order(verlet_kdk, field, x, 1.0, levels=2)


def test_energy_oracle_uses_the_fields_own_energy():
    field = TOP
    assert ENERGY in field.structure
    x = jnp.array([0.3, -0.5, 0.2])
    # The midpoint rule keeps quadratic invariants.
    assert ROWS[ENERGY].oracle(ImplicitMidpoint(), field, 0.0, x, 0.5) <= tol(x.dtype)
