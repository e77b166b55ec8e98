"""The contracts of one step, for every step of the registry."""

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
    make_field,
    step_rows,
)
from helpers import assert_close, tol
from registry import DIM, STEPS

from dynnets.fields import canonical_matrix
from dynnets.integrators import rollout
from dynnets.structure import (
    ENERGY,
    NON_EXPANSIVE,
    NORM,
    POISSON,
    REVERSIBLE,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    structure_of,
)

BATCH = np.random.default_rng(4).normal(size=(3, DIM))

pytestmark = pytest.mark.usefixtures("few_programs_at_once")


@step_rows
def test_step_on_a_batch_is_a_loop(row):
    field, _, _ = make_field(row, jnp.float64)
    batch = BATCH
    one = eqx.filter_jit(lambda y: row.step(field, 0.0, y, 0.1))
    loop = np.stack([one(y) for y in batch])
    assert_close(jax.jit(jax.vmap(one))(batch), loop)
    assert_close(one(batch.T).T, loop)


@step_rows
def test_step_traces_once_for_every_width_and_has_finite_gradients(row):
    field, x, _ = make_field(row, jnp.float64)
    counted, count = count_traces(lambda f, y, h: row.step(f, 0.0, y, h))
    traced = eqx.filter_jit(counted)
    for h in (0.1, 0.2, -0.1):
        traced(field, x, jnp.asarray(h))
    assert count() == 1

    def loss(f):
        return jnp.sum(rollout(row.step, f, x, (0.1, 3)).xs ** 2)

    assert_finite_gradient(eqx.filter_jit(loss), field)


@step_rows
def test_step_lowers_for_every_platform(row):
    field, x, _ = make_field(row, jnp.float32)
    assert_lowers(lambda y: rollout(row.step, field, y, (0.1, 4)).xs[-1], x)


@dtypes
@step_rows
def test_step_keeps_dtype_and_structure(row, dtype):
    field, x, _ = make_field(row, dtype)
    tags, start = structure_of(row.step, field), x
    if row.step.on_pair is not None:
        q, p = np.split(np.asarray(x), 2)
        x = jnp.asarray(np.concatenate([q, q + 0.1, p, p - 0.1]), dtype)
        step = lambda y, h: row.step.on_pair(field, 0.0, y, h)  # noqa: E731
    else:
        step = lambda y, h: row.step(field, 0.0, y, h)  # noqa: E731

    @jax.jit
    def measure(x):
        value = row.step(field, 0.0, start, 0.1)
        return (
            value,
            jax.jacfwd(lambda y: step(y, 0.1))(x),
            step(step(x, 0.1), -0.1) if SYMMETRIC in tags else x,
            row.step.inverse(field, 0.0, value, 0.1) if REVERSIBLE in tags else start,
        )

    value, jacobian, back, undone = measure(x)
    assert value.dtype == dtype
    assert np.isfinite(value).all()
    if dtype == jnp.float64:
        assert_close(row.step(field, 0.0, start, 0.1), value)
    assert_close(back, x)
    assert_close(undone, start)
    form = np.asarray(canonical_matrix(x.shape[0] // 2, dtype))
    jacobian = np.asarray(jacobian)
    if SYMPLECTIC in tags:
        assert np.abs(jacobian.T @ form @ jacobian - form).max() <= tol(dtype)
    if POISSON in tags:
        matrix = np.asarray(field.matrix)
        defect = jacobian @ matrix @ jacobian.T - matrix
        assert np.abs(defect).max() <= tol(dtype, np.abs(matrix).max())
    if VOLUME in tags:
        assert abs(np.linalg.det(jacobian) - 1) <= tol(dtype)
    if NON_EXPANSIVE in tags:
        assert np.linalg.norm(jacobian, 2) <= 1 + tol(dtype)
    if NORM in tags:
        assert abs(np.linalg.norm(value) - np.linalg.norm(start)) <= tol(dtype)
    if SUM in tags:
        assert abs(np.sum(value) - np.sum(start)) <= tol(dtype)
    if ENERGY in tags:
        change = field.energy(0.0, value) - field.energy(0.0, start)
        assert abs(float(change)) <= tol(dtype, 1 + abs(float(field.energy(0.0, start))))


def test_a_method_that_claims_nothing_measures_as_such():
    """The oracle can fail: Runge-Kutta loses the symplectic form of the same field."""
    row = next(row for row in STEPS if row.name == "tao")
    rk = next(row for row in STEPS if row.name == "tsit5").step
    field, x, _ = make_field(row, jnp.float64)
    jacobian = jax.jacfwd(lambda y: rk(field, 0.0, y, 2.0))(x)
    form = canonical_matrix(DIM // 2)
    assert float(jnp.abs(jacobian.T @ form @ jacobian - form).max()) > 100 * tol(x.dtype)
    assert SYMPLECTIC not in structure_of(rk, field)
