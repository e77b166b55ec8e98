"""What the contract tests of fields and steps share: rows, states, assertions.

Numbers are compared by NumPy: every JAX operation outside of a compiled function would be compiled
as a program of its own.
"""

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from registry import DIM, FIELDS, STEPS, cast

DTYPES = [jnp.float32, jnp.float64]
PLATFORMS = ["cpu", "cuda", "tpu"]
field_rows = pytest.mark.parametrize("row", FIELDS, ids=lambda row: row.name)
step_rows = pytest.mark.parametrize("row", STEPS, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


_MADE = {}


def make_field(row, dtype):
    """The row's field, a state and an input, in `dtype`; made once."""
    key = (row.name, type(row), dtype)
    if key not in _MADE:
        field = cast(row.make(jr.key(1)), dtype)
        x = jr.normal(jr.key(2), (DIM,), dtype)
        u = jr.normal(jr.key(3), (row.inputs,), dtype) if getattr(row, "inputs", 0) else None
        _MADE[key] = (field, x, u)
    return _MADE[key]


def assert_finite_gradient(function, tree):
    gradient = eqx.filter_jit(eqx.filter_grad(function))(tree)
    leaves = jax.tree.leaves(gradient)
    assert leaves
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.abs(leaf).max() > 0 for leaf in leaves)


def count_traces(function):
    """`function`, and a function that says how often it has been traced."""
    traces = []

    def counted(*arguments):
        traces.append(1)
        return function(*arguments)

    return counted, lambda: len(traces)


def assert_lowers(function, x):
    exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(x)
    assert tuple(exported.platforms) == tuple(PLATFORMS)
    assert exported.out_avals[0].shape == x.shape
