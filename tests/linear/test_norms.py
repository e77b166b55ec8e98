"""Norms: exact, above, below; and what they are for a matrix that is known."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
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


def matrices(rows, columns, count, random):
    """Random, of rank one, orthogonal, of one entry, each at scales from 1e-30 to 1e18."""
    full = random.normal(size=(count, rows, columns))
    thin = random.normal(size=(count, rows, 1)) * random.normal(size=(count, 1, columns))
    u, _, vt = np.linalg.svd(full, full_matrices=False)
    single = np.zeros_like(full)
    single[:, 0, -1] = random.normal(size=count)
    scales = 10.0 ** random.uniform(-30, 18, size=(4 * count, 1, 1))
    scales[::3] = 1
    return np.concatenate([full, thin, u @ vt, single]) * scales


@pytest.mark.parametrize("dtype", [*DTYPES, jnp.bfloat16])
def test_no_bound_is_below_the_norm_of_two_thousand_matrices(dtype):
    """Gram iteration fell below it, by the rounding of its logarithms and of its products."""
    random, slack = np.random.default_rng(0), 4e-16 * 24
    bounds = jax.jit(lambda a: (norm_bound(a), gram_norm_bound(a), *singular_range(a)))
    for rows, columns in ((1, 1), (3, 7), (24, 8), (6, 6)):
        rounded = matrices(rows, columns, 125, random).astype(dtype)
        found = [np.asarray(bound) for bound in bounds(rounded)]
        assert all(bound.dtype == dtype for bound in found)
        above, gram, low, high = (bound.astype(float) for bound in found)
        values = np.linalg.svd(rounded.astype(float), compute_uv=False)
        # float64 is compared with a float64 that rounds as well, a thousand times less than `slack`
        exact = values[:, 0] * (1 - (slack / 1000 if dtype == jnp.float64 else 0))
        least = values[:, -1] if rows >= columns else np.zeros_like(exact)
        assert (above >= exact).all() and (gram >= exact).all() and (high == above).all()
        assert (low <= least + (values[:, 0] * slack if dtype == jnp.float64 else 0)).all()
        loose = 1.05 + 2 * float(jnp.finfo(dtype).eps)
        assert (above <= loose * exact).all() and (gram <= loose * exact).all()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_bounds_of_what_is_almost_nothing_or_no_number(dtype):
    """Subnormal entries, which a processor may take for zero; zeros; NaN and infinity."""
    for bound in (norm_bound, gram_norm_bound):
        tiny = np.full((3, 2), float(jnp.finfo(dtype).tiny) / 8, dtype)
        assert float(bound(jnp.asarray(tiny))) >= np.linalg.norm(tiny.astype(float), 2)
        assert 0 <= float(bound(jnp.zeros((3, 2), dtype))) < 1e-37
        for bad in (np.nan, np.inf):
            spoilt = np.ones((3, 2), dtype)
            spoilt[1, 1] = bad
            assert not float(bound(jnp.asarray(spoilt))) <= 1e300
        assert np.isfinite(jax.grad(bound)(jnp.zeros((3, 2), dtype))).all()


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
