"""What the contract tests share: rows, samples of them, states, measures, assertions.

Numbers are compared by NumPy: every JAX operation outside of a compiled function would be compiled
as a program of its own.

Nearly all of a contract test's time is compiling. `make test-all` runs every check on every row;
`make test` runs the structure of every row in one precision, and of each other check every few
rows (`sampled`): those marked `full` are left out.
"""

import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from registry import DIM, FIELDS, STEPS, FieldRow, cast

from dynnets.fields import canonical_matrix
from dynnets.structure import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    SUM,
    SYMPLECTIC,
    VOLUME,
)

PLATFORMS = ["cpu", "cuda", "tpu"]
PRECISIONS = ("float64", "float32")


def _param(values, name, full: bool):
    return pytest.param(*values, id=name, marks=pytest.mark.full if full else ())


def sampled(rows, every: int, offset: int = 0):
    """One test a row; `make test` runs each `every`-th of them, beginning with `offset`."""
    cases = [_param((row,), row.name, i % every != offset) for i, row in enumerate(rows)]
    return pytest.mark.parametrize("row", cases)


def in_both_precisions(rows, every: int = 5):
    """One test a row and precision; `make test` runs all in float64, and few in float32."""
    cases = [
        _param((row, np.dtype(name)), f"{row.name}-{name}", name == "float32" and i % every != 0)
        for i, row in enumerate(rows)
        for name in PRECISIONS
    ]
    return pytest.mark.parametrize("row, dtype", cases)


_MADE = {}


def make_field(row, dtype):
    """The row's field, a state and an input, in `dtype`; made once."""
    dtype = np.dtype(dtype)
    key = (row.name, type(row), dtype)
    if key not in _MADE:
        field = cast(row.make(jr.key(1)), dtype)
        is_field = isinstance(row, FieldRow)
        x = jr.normal(jr.key(2), row.shape if is_field else (DIM,), dtype)
        x = jnp.exp(x) if is_field and row.positive else x
        inputs = row.inputs if is_field else 0
        u = jr.normal(jr.key(3), (inputs,), dtype) if inputs else None
        _MADE[key] = (field, x, u)
    return _MADE[key]


def make_step(row, dtype):
    """The row's field and a state that the step takes, in `dtype`."""
    field, x, _ = make_field(row, dtype)
    return field, x if row.start is None else row.start(x)


def batch_of(shape, count: int = 3):
    """Random states `(count, *shape)`."""
    return np.random.default_rng(4).normal(size=(count, *shape))


def states_of(row):
    """Random states of a field, `(3, *shape)`."""
    batch = batch_of(row.shape)
    return np.exp(batch) if row.positive else batch


def _asymmetry(matrix):
    return jnp.abs(matrix - matrix.T).max()


# What the flow of a field keeps, as it shows in the field and its Jacobian at one state: zero up
# to round-off. `f` is the field, `d` its Jacobian, `v` its value, `g` the gradient of its energy.
MEASURES = {
    SYMPLECTIC: lambda f, x, d, v, g: _asymmetry(canonical_matrix(len(x) // 2, x.dtype).T @ d),
    POISSON: lambda f, x, d, v, g: _asymmetry(d @ f.matrix),
    VOLUME: lambda f, x, d, v, g: jnp.abs(jnp.trace(d)),
    NORM: lambda f, x, d, v, g: jnp.abs(jnp.sum(x * v)),
    SUM: lambda f, x, d, v, g: jnp.abs(jnp.sum(v)),
    ORTHOGONAL: lambda f, x, d, v, g: jnp.abs(x.T @ v + v.T @ x).max(),
    NON_EXPANSIVE: lambda f, x, d, v, g: jnp.maximum(jnp.linalg.eigvalsh(d + d.T).max(), 0),
    ENERGY: lambda f, x, d, v, g: jnp.abs(jnp.sum(g * v)),
    DISSIPATIVE: lambda f, x, d, v, g: jnp.maximum(jnp.sum(g * v), 0),
    MOMENTUM: lambda f, x, d, v, g: jnp.abs(jax.jvp(f.momentum, (x,), (v,))[1]).max(),
}


def flow_defects(field, x, args=None, t=0.3, tags=None):
    """`(defect, scale)` of every tag of `tags`, by default of those that the field claims.

    The scale is the size of the numbers that cancel. A claim without a measure is a `KeyError`:
    add it to `MEASURES`. For compiled functions.
    """
    tags = field.structure if tags is None else tags
    if not tags:  # it may not even have a value without its input
        return {}
    t = jnp.asarray(t, x.dtype)
    jacobian = jax.jacfwd(lambda y: field(t, y, args))(x)
    value = field(t, x, args)
    energetic = {ENERGY, DISSIPATIVE} & set(tags)
    gradient = field.energy.gradient(t, x) if energetic else x
    size = 1 + jnp.abs(jacobian).max()
    scales = dict.fromkeys(
        (ENERGY, DISSIPATIVE), jnp.maximum(size, jnp.abs(gradient * value).max())
    )
    if POISSON in tags:
        scales[POISSON] = size * jnp.abs(field.matrix).max()
    parts = (field, x, jacobian, value, gradient)
    return {str(tag): (MEASURES[tag](*parts), scales.get(tag, size)) for tag in tags}


def assert_finite_gradient(function, tree):
    gradient = eqx.filter_jit(eqx.filter_grad(function))(tree)
    leaves = jax.tree.leaves(gradient)
    assert leaves
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.abs(leaf).max() > 0 for leaf in leaves)


def has_parameters(tree) -> bool:
    return bool(jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array)))


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
    return exported.out_avals[0]


field_structure, field_sample = in_both_precisions(FIELDS), sampled(FIELDS, 3)
step_structure, step_sample = in_both_precisions(STEPS), sampled(STEPS, 4)
