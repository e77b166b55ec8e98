"""The contracts of every field of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
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

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MASS,
    NON_EXPANSIVE,
    NORM,
    POISSON,
    SYMPLECTIC,
    VOLUME,
    canonical_matrix,
)

pytestmark = pytest.mark.usefixtures("compiled_quickly", "few_programs_at_once")


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
    batch = jr.normal(jr.key(4), (3, DIM))
    one = eqx.filter_jit(lambda y: field(0.0, y, u))
    loop = jnp.stack([one(y) for y in batch])
    assert_close(jax.jit(jax.vmap(one))(batch), loop)
    if type(field).features_first:
        assert_close(one(batch.T).T, loop)


@field_rows
def test_field_traces_once_and_has_finite_gradients(row):
    field, x, u = make_field(row, jnp.float64)
    counted, count = count_traces(lambda f, y: f(0.0, y, u))
    traced = eqx.filter_jit(counted)
    for i in range(3):
        traced(field, x + i)
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
    jacobian = jax.jacfwd(lambda y: field(0.0, y))(x)
    slack = tol(dtype, float(jnp.abs(jacobian).max()) + 1)
    if SYMPLECTIC in field.structure:
        hessian = canonical_matrix(DIM // 2, dtype).T @ jacobian
        assert float(jnp.abs(hessian - hessian.T).max()) <= slack
    if POISSON in field.structure:
        product = jacobian @ field.matrix
        assert float(jnp.abs(product - product.T).max()) <= slack * float(
            jnp.abs(field.matrix).max()
        )
    if VOLUME in field.structure:
        assert abs(float(jnp.trace(jacobian))) <= slack
    if NORM in field.structure:
        assert abs(float(x @ field(0.0, x))) <= slack
    if MASS in field.structure:
        assert abs(float(jnp.sum(field(0.0, x)))) <= slack
    if NON_EXPANSIVE in field.structure:
        assert float(jnp.linalg.eigvalsh(jacobian + jacobian.T).max()) <= slack
    if {ENERGY, DISSIPATIVE} & field.structure:
        power = float(field.energy.gradient(0.0, x) @ field(0.0, x))
        assert power <= slack
        if ENERGY in field.structure:
            assert power >= -slack


@field_rows
def test_energy_gradient_is_the_gradient(row):
    field, x, _ = make_field(row, jnp.float64)
    energy = getattr(field, "energy", None)
    if energy is None:
        assert not {ENERGY, DISSIPATIVE} & field.structure
        return
    assert_close(energy.gradient(0.0, x), jax.grad(energy, argnums=1)(0.0, x))
    batch = jr.normal(jr.key(4), (DIM, 3))
    assert_close(energy(0.0, batch), jax.vmap(lambda y: energy(0.0, y), -1, -1)(batch))
