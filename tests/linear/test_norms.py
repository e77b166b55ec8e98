"""Norms: exact, above, below; and what they are for a matrix that is known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from hypothesis import given, settings, strategies as st

from dynnets.linear import (
    gram_norm_bound,
    norm_bound,
    power_norm,
    singular_range,
    spectral_norm,
)

DTYPES = [jnp.float32, jnp.float64]


@given(rows=st.integers(1, 4), columns=st.integers(1, 4), seed=st.integers(0, 2**30))
@settings(max_examples=5, deadline=None)
def test_the_exact_norm_lies_between_its_bounds(rows, columns, seed):
    key = jr.key(seed)
    matrix, vector = jr.normal(key, (rows, columns)), jr.normal(jr.fold_in(key, 1), (columns,))
    exact = float(spectral_norm(matrix))
    assert exact == pytest.approx(float(jnp.linalg.norm(matrix, 2)), rel=1e-14)
    assert exact <= float(norm_bound(matrix)) <= exact * (1 + 1e-12)
    rank = min(rows, columns)
    assert exact <= float(gram_norm_bound(matrix)) <= exact * rank ** (1 / 128) * (1 + 1e-11)
    assert float(power_norm(matrix, vector, 3)[0]) <= exact * (1 + 1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bounds_keep_dtype_and_hold_where_numbers_are_extreme(dtype, getkey):
    for scale in (1e-12, 1.0, 1e12):
        matrix = scale * jr.normal(getkey(), (2, 9, 6), dtype)
        exact = jnp.linalg.svd(matrix, compute_uv=False)[:, 0]
        for bound in (norm_bound(matrix), gram_norm_bound(matrix)):
            assert bound.dtype == dtype
            assert bool((bound >= exact).all()) and bool((bound <= 1.05 * exact).all())


def test_singular_range_encloses_and_a_wide_matrix_has_a_kernel(getkey):
    tall = jr.normal(getkey(), (7, 4))
    low, high = singular_range(tall)
    xs = jr.normal(getkey(), (50, 4))
    ratios = jnp.linalg.norm(xs @ tall.T, axis=1) / jnp.linalg.norm(xs, axis=1)
    assert float(low) <= float(ratios.min()) and float(ratios.max()) <= float(high)
    assert float(singular_range(tall.T)[0]) == 0.0


def test_power_iteration_converges_from_below_with_its_vector_kept(getkey):
    matrix = jnp.diag(jnp.array([3.0, 1.0, 0.5]))
    vector, norms = jr.normal(getkey(), (3,)), []
    for _ in range(20):
        norm, vector = power_norm(matrix, vector)
        norms.append(float(norm))
    assert norms == sorted(norms)
    assert norms[-1] == pytest.approx(3.0, rel=1e-12)


def test_derivatives(getkey):
    matrix, tangent = jr.normal(getkey(), (5, 3)), jr.normal(getkey(), (5, 3))
    u, _, vt = jnp.linalg.svd(matrix, full_matrices=False)
    expected = u[:, 0] @ tangent @ vt[0]
    for function in (spectral_norm, lambda m: power_norm(m, jnp.ones(3), 200)[0]):
        slope = jnp.vdot(jax.grad(function)(matrix), tangent)
        assert float(jnp.abs(slope - expected)) <= tol(matrix.dtype)
    assert bool(jnp.isfinite(jax.grad(gram_norm_bound)(jnp.zeros((3, 3)))).all())


def test_bad_iterations():
    with pytest.raises(ValueError, match="iterations.*0"):
        gram_norm_bound(jnp.eye(2), 0)
    with pytest.raises(ValueError, match="iterations.*0"):
        power_norm(jnp.eye(2), jnp.ones(2), 0)
