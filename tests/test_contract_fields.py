"""The contracts of every field of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import (
    assert_finite_gradient,
    assert_lowers,
    count_traces,
    dtypes,
    field_rows,
    make_field,
)
from helpers import assert_close, tol
from registry import DIM

from dynnets.structure import DISSIPATIVE, ENERGY, FLOW_ORACLES

BATCH = np.random.default_rng(4).normal(size=(3, DIM))

pytestmark = pytest.mark.usefixtures("few_programs_at_once")


@dtypes
@field_rows
def test_field_keeps_dtype_and_shape_under_jit(row, dtype):
    field, x, u = make_field(row, dtype)
    value = field(0.0, x, u)
    assert value.dtype == dtype
    assert value.shape == x.shape
    assert_close(eqx.filter_jit(field)(0.0, x, u), value)


@field_rows
def test_field_on_a_batch_is_a_loop(row):
    field, x, u = make_field(row, jnp.float64)
    batch = BATCH
    one = eqx.filter_jit(lambda y: field(0.0, y, u))
    loop = np.stack([one(y) for y in batch])
    assert_close(jax.jit(jax.vmap(one))(batch), loop)
    if type(field).features_first:
        assert_close(one(batch.T).T, loop)


@field_rows
def test_field_traces_once_and_has_finite_gradients(row):
    field, x, u = make_field(row, jnp.float64)
    counted, count = count_traces(lambda f, y: f(0.0, y, u))
    traced = eqx.filter_jit(counted)
    for y in BATCH:
        traced(field, jnp.asarray(y, x.dtype))
    assert count() == 1
    if jax.tree.leaves(eqx.filter(field, eqx.is_inexact_array)):
        assert_finite_gradient(lambda f: jnp.sum(f(0.0, x, u) ** 2), field)


@field_rows
def test_field_lowers_for_every_platform(row):
    field, x, u = make_field(row, jnp.float32)
    assert_lowers(lambda y: field(0.0, y, u), x)


@dtypes
@field_rows
def test_field_structure(row, dtype):
    field, x, _ = make_field(row, dtype)
    # Autonomous structure is that of the field without its input.
    if row.inputs and DISSIPATIVE not in field.structure:
        assert field.structure == frozenset()
        return
    if not field.structure:
        return

    @jax.jit
    def measure(x):
        return {tag.name: FLOW_ORACLES[tag](field, 0.0, x) for tag in field.structure}

    for name, (defect, size) in measure(x).items():
        assert defect <= tol(dtype, float(size)), name


@field_rows
def test_energy_gradient_is_the_gradient(row):
    field, x, _ = make_field(row, jnp.float64)
    energy = field.energy
    if energy is None:
        assert not {ENERGY, DISSIPATIVE} & field.structure
        return

    @jax.jit
    def both_ways(x, batch):
        loop = jax.vmap(lambda y: energy(0.0, y), -1, -1)(batch)
        closed, automatic = energy.gradient(0.0, x), jax.grad(energy, argnums=1)(0.0, x)
        return (closed, energy(0.0, batch)), (automatic, loop)

    for first, second in zip(*both_ways(x, BATCH.T), strict=True):
        assert_close(first, second)
