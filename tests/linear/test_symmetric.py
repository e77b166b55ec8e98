"""Parametrisations hold for every value of the parameters."""

import jax.numpy as jnp
import jax.random as jr
from helpers import tol

from dynnets.linear import positive_semidefinite, skew_symmetric


def test_positive_semidefinite(getkey):
    for n, m in [(3, 3), (4, 1), (2, 5)]:
        matrix = positive_semidefinite(jr.normal(getkey(), (7, n, m)))
        assert (matrix == jnp.swapaxes(matrix, -1, -2)).all()
        assert float(jnp.linalg.eigvalsh(matrix).min()) >= -tol(matrix.dtype)


def test_skew_symmetric(getkey):
    matrix = skew_symmetric(jr.normal(getkey(), (5, 3, 3)))
    assert (matrix == -jnp.swapaxes(matrix, -1, -2)).all()
