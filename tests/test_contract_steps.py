"""The contracts of one step, for every step of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import (
    assert_finite_gradient,
    assert_lowers,
    batch_of,
    count_traces,
    has_parameters,
    make_field,
    make_step,
    sampled,
    step_sample,
    step_structure,
)
from helpers import assert_close, tol
from registry import STEPS

from dynnets.integrators import rollout
from dynnets.structure import ENERGY, POISSON, ROWS, SYMPLECTIC, structure_of

pytestmark = pytest.mark.usefixtures("few_programs_at_once")


def scale_of(field, x):
    """Of the numbers that cancel in an oracle: the state, its energy, its bracket."""
    energy = 0.0 if field.energy is None else abs(float(field.energy(0.0, x)))
    matrix = 0.0 if field.matrix is None else np.abs(np.asarray(field.matrix)).max()
    return 1 + energy + matrix


@step_structure
def test_step_keeps_dtype_and_structure(row, dtype):
    """Every tag that the pairing claims, by the oracle of its row."""
    field, x = make_step(row, dtype)
    tags = structure_of(row.step, field)

    @eqx.filter_jit
    def measure(field, x):
        defects = {str(t): ROWS[t].oracle(row.step, field, 0.0, x, 0.1) for t in tags}
        return row.step(field, 0.0, x, 0.1), defects

    value, defects = measure(field, x)
    assert value.dtype == dtype and value.shape == x.shape
    assert np.isfinite(value).all()
    exact = {POISSON, ENERGY} & tags
    scale = scale_of(field, x) if exact else 1.0
    for tag, defect in defects.items():
        assert defect <= tol(dtype, scale), tag


@sampled(STEPS, 4, 1)
def test_step_on_a_batch_is_a_loop(row):
    field, x = make_step(row, jnp.float64)
    batch = batch_of(x.shape)
    if row.start is not None:
        batch = np.asarray(x) + 0.05 * batch
    one = eqx.filter_jit(lambda y: row.step(field, 0.0, y, 0.1))
    loop = np.stack([one(y) for y in batch])
    assert_close(jax.jit(jax.vmap(one))(batch), loop)
    if row.start is None:
        assert_close(one(batch.T).T, loop)


@sampled(STEPS, 4, 2)
def test_step_traces_once_for_every_size_and_has_finite_gradients(row):
    field, x = make_step(row, jnp.float64)
    counted, count = count_traces(lambda f, y, h: row.step(f, 0.0, y, h))
    traced = eqx.filter_jit(counted)
    for h in (0.1, 0.2, -0.1):
        traced(field, x, jnp.asarray(h))
    assert count() == 1

    def loss(f):
        return jnp.sum(rollout(row.step, f, x, (0.1, 3)).xs ** 2)

    if row.backwards and has_parameters(field):
        assert_finite_gradient(eqx.filter_jit(loss), field)


@sampled(STEPS, 4, 3)
def test_step_is_the_same_compiled_or_not(row):
    field, x = make_step(row, jnp.float64)
    step = eqx.filter_jit(row.step)
    assert_close(step(field, 0.0, x, 0.1), row.step(field, 0.0, x, 0.1))


@step_sample
def test_step_lowers_for_every_platform(row):
    field, x = make_step(row, jnp.float32)
    out = assert_lowers(lambda y: rollout(row.step, field, y, (0.1, 4)).xs[-1], x)
    assert out.shape == x.shape


def test_a_method_that_claims_nothing_measures_as_such():
    """The oracle can fail: Runge-Kutta loses the symplectic form of the same field."""
    row = next(row for row in STEPS if row.name == "tao")
    rk = next(row for row in STEPS if row.name == "tsit5").step
    field, x, _ = make_field(row, jnp.float64)
    defect = jax.jit(lambda y: ROWS[SYMPLECTIC].oracle(rk, field, 0.0, y, 2.0))(x)
    assert float(defect) > 100 * tol(x.dtype)
    assert SYMPLECTIC not in structure_of(rk, field)
