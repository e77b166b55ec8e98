"""Skew matrices from entries and factors agree with their dense definition."""

import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from hypothesis import given, settings, strategies as st

from dynnets.linear import (
    low_rank_skew,
    low_rank_skew_product,
    pair_sums,
    skew_from_entries,
    skew_size,
)


@given(n=st.integers(2, 5), batch=st.sampled_from([(), (3,)]), seed=st.integers(0, 2**30))
@settings(max_examples=4, deadline=None)
def test_entries_make_a_skew_matrix_and_its_products(n, batch, seed):
    key = jr.key(seed)
    entries, g = jr.normal(key, (skew_size(n), *batch)), jr.normal(jr.fold_in(key, 1), (n,))
    matrix = skew_from_entries(entries, n)
    assert matrix.shape == (n, n, *batch)
    assert bool((matrix == -jnp.swapaxes(matrix, 0, 1)).all())
    assert bool((matrix[jnp.triu_indices(n, 1)] == entries).all())
    for weights in (None, g):
        dense = jnp.einsum("ij...,j->i...", matrix, jnp.ones(n) if weights is None else weights)
        assert jnp.allclose(pair_sums(entries, n, weights), dense, atol=tol(g.dtype), rtol=0)


@given(n=st.integers(2, 5), r=st.integers(1, 3), batch=st.sampled_from([(), (3,)]))
@settings(max_examples=4, deadline=None)
def test_low_rank_products(n, r, batch):
    a, b, c = jr.split(jr.key(n + 10 * r), 3)
    u, v = jr.normal(a, (n, r, *batch)), jr.normal(b, (n, r, *batch))
    x = jr.normal(c, (n, *batch))
    matrix = low_rank_skew(u, v)
    assert bool((matrix == -jnp.swapaxes(matrix, 0, 1)).all())
    dense = jnp.einsum("ij...,j...->i...", matrix, x)
    assert jnp.allclose(low_rank_skew_product(u, v, x), dense, atol=tol(x.dtype), rtol=0)


def test_wrong_number_of_entries():
    with pytest.raises(ValueError, match="size 3 has 3 entries, got 4"):
        skew_from_entries(jnp.zeros(4), 3)
    with pytest.raises(ValueError, match="size 3 has 3 entries, got 4"):
        pair_sums(jnp.zeros(4), 3)
