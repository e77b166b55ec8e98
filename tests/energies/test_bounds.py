"""What energies prove of themselves: bounds that enclose every sample, and parts that add up."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets.energies import (
    ConstantMass,
    KineticEnergy,
    KnownEnergy,
    MLPEnergy,
    PeriodicEnergy,
    QuadraticEnergy,
    SeparableEnergy,
    SumEnergy,
    TimePotential,
)
from dynnets.fields import HamiltonianField, PoissonField
from dynnets.linear import singular_bounds, spectrum_bounds


def grown(dim, seed):
    """A net whose bounds are not far from what it reaches."""
    energy = MLPEnergy(dim, 5, 1, key=jr.key(seed))
    return jax.tree.map(lambda leaf: 1.5 * leaf + 0.1, energy)


FIRST, SECOND = grown(2, 0), grown(2, 1)
SKEW = jnp.array([[0.0, 2.0], [-2.0, 0.0]])

ENERGIES = {
    "net": FIRST,
    "known": KnownEnergy(FIRST),
    "sum": SumEnergy((FIRST, SECOND, KnownEnergy(SECOND))),
    "angle": PeriodicEnergy(grown(3, 2), (1,)),
    "time": jax.tree.map(lambda leaf: 2 * leaf, TimePotential(2, 5, 1, key=jr.key(3))),
}


def reached(energy, dim=2):
    xs = 2 * jr.normal(jr.key(9), (dim, 4000))
    return np.asarray(energy(0.3, xs)), np.linalg.norm(energy.gradient(0.3, xs), axis=0)


@pytest.mark.parametrize("name", ENERGIES)
def test_bounds_enclose_what_an_energy_reaches(name):
    values, slopes = reached(ENERGIES[name])
    low, high = ENERGIES[name].range_bound
    assert low <= values.min() and values.max() <= high
    assert slopes.max() <= ENERGIES[name].gradient_bound
    # a bound that says something: within a factor of what is reached
    assert high - low <= 8 * (values.max() - values.min())
    assert ENERGIES[name].gradient_bound <= 8 * slopes.max()


def test_two_halves_side_by_side():
    energy = SeparableEnergy(FIRST, SECOND)
    values, slopes = reached(energy, 4)
    low, high = energy.range_bound
    assert low <= values.min() and values.max() <= high
    assert slopes.max() <= energy.gradient_bound
    assert energy.gradient_bound == pytest.approx(
        np.hypot(FIRST.gradient_bound, SECOND.gradient_bound)
    )
    half = SeparableEnergy(KineticEnergy(jnp.array([0.5, 2.0])), FIRST)
    assert half.gradient_bound is None and half.range_bound is None
    (masses,) = half.bounds()
    assert masses.name == "MASSES > 0" and masses.holds
    assert 0.5 - 1e-14 < masses.value < 0.5


def test_what_is_not_known_stays_so():
    unknown = QuadraticEnergy(jnp.eye(2))
    assert unknown.gradient_bound is None and unknown.range_bound is None
    assert SumEnergy((FIRST, unknown)).gradient_bound is None
    assert SumEnergy((FIRST, unknown)).range_bound is None
    assert not HamiltonianField(unknown).bounds()


def test_speed_of_a_field_of_another_bracket():
    skew, speed, span = PoissonField(FIRST, SKEW).bounds()
    assert (skew.name, skew.holds, skew.value) == ("SKEW MATRIX", True, 0)
    assert speed.value == pytest.approx(2 * FIRST.gradient_bound)
    assert span.name == "ENERGY RANGE"


def test_numbers_that_are_none_hold_nothing():
    broken = jax.tree.map(lambda leaf: leaf * jnp.nan, FIRST)
    for bound in HamiltonianField(broken).bounds():
        assert bound.holds is False
    masses = KineticEnergy(jnp.array([0.5, 2.0]))
    masses = jax.tree.map(lambda leaf: leaf * jnp.nan, masses)
    assert masses.bounds()[0].holds is False
    assert ConstantMass(jnp.full((2, 2), jnp.inf)).bounds()[0].holds is False


def test_a_mass_matrix_that_is_nearly_singular_is_not_called_false():
    raw = jnp.array([[0.0, 0.0], [1e9, -20.0]], "float32")
    (bound,) = ConstantMass(raw).bounds()
    assert bound.holds is None and "this precision" in bound.statement


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64])
def test_singular_values_are_enclosed_with_the_rounding_of_the_dtype(dtype):
    matrix = jr.normal(jr.key(0), (7, 5)).astype(dtype)
    low, high = singular_bounds(matrix)
    values = np.linalg.svd(np.asarray(matrix, float), compute_uv=False)
    eps = float(jnp.finfo(dtype).eps)
    assert low <= values[-1] * (1 - eps / 2) and values[0] * (1 + eps / 2) <= high
    assert high <= values[0] * (1 + 100 * eps)
    x = jr.normal(jr.key(1), (5, 300)).astype(dtype)
    ratio = np.linalg.norm(np.asarray(matrix @ x, float), axis=0) / np.linalg.norm(
        np.asarray(x, float), axis=0
    )
    assert low <= ratio.min() and ratio.max() <= high
    symmetric = (matrix.T @ matrix).astype(dtype)
    symmetric = (symmetric + symmetric.T) / 2
    low, high = spectrum_bounds(symmetric)
    values = np.linalg.eigvalsh(np.asarray(symmetric, float))
    assert low < values[0] and values[-1] < high


def test_matrices_that_are_not_finite_have_no_bounds():
    matrix = jnp.array([[1.0, jnp.nan], [0.0, 1.0]])
    assert singular_bounds(matrix) == (0.0, float("inf"))
    assert spectrum_bounds(matrix) == (-float("inf"), float("inf"))
    assert singular_bounds(jnp.ones((1, 2)))[0] == 0
