"""The contracts of every field of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contract import (
    MEASURES,
    assert_finite_gradient,
    assert_lowers,
    count_traces,
    field_sample,
    field_structure,
    flow_defects,
    has_parameters,
    make_field,
    sampled,
    states_of,
)
from helpers import assert_close, tol
from registry import FIELDS

from dynnets.structure import DISSIPATIVE, ENERGY, MOMENTUM, ORTHOGONAL, POISSON

pytestmark = pytest.mark.usefixtures("few_programs_at_once")


@field_structure
def test_field_structure(row, dtype):
    """Autonomous structure is that of the field without its input."""
    field, x, u = make_field(row, dtype)
    args = u if row.given else None
    measure = eqx.filter_jit(lambda f, y: (f(0.3, y, u), flow_defects(f, y, args)))
    value, defects = measure(field, x)
    assert value.dtype == dtype and value.shape == x.shape
    for tag, (defect, scale) in defects.items():
        assert defect <= tol(dtype, float(scale)), tag


@pytest.mark.parametrize("tag", MEASURES, ids=str)
def test_the_measures_can_fail(tag):
    """A field that has none of the properties is seen to have none."""
    row = next(row for row in FIELDS if row.name == "neural")
    claimed = {ENERGY: "general", DISSIPATIVE: "general", POISSON: "poisson", MOMENTUM: "pairwise"}
    row = next((r for r in FIELDS if r.name == claimed.get(tag)), row)
    field, x, _ = make_field(row, jnp.float64)
    x = x.reshape(2, 2) if tag == ORTHOGONAL else x

    class Wrong:  # the parts of the field, another motion
        matrix, energy, momentum = field.matrix, field.energy, field.momentum

        def __init__(self, sign):
            self.sign = sign

        def __call__(self, t, x, args=None):
            rows = jnp.arange(1.0, 1 + x.size).reshape(x.shape)
            return self.sign * (x + jnp.sin(rows * x[::-1]))

    @jax.jit
    def measure(x):  # one of the two directions takes energy in
        return [flow_defects(Wrong(sign), x, tags={tag})[str(tag)] for sign in (1.0, -1.0)]

    assert max(defect / scale for defect, scale in measure(x)) > 1e3 * tol(x.dtype)


@sampled(FIELDS, 3, 1)
def test_field_on_a_batch_is_a_loop(row):
    field, x, u = make_field(row, jnp.float64)
    batch = states_of(row)
    one = eqx.filter_jit(lambda y: field(0.0, y, u))
    loop = np.stack([one(y) for y in batch])
    assert_close(jax.jit(jax.vmap(one))(batch), loop)
    if type(field).features_first:
        assert_close(one(batch.T).T, loop)


@sampled(FIELDS, 3, 2)
def test_field_traces_once_and_has_finite_gradients(row):
    field, x, u = make_field(row, jnp.float64)
    counted, count = count_traces(lambda f, y: f(0.0, y, u))
    traced = eqx.filter_jit(counted)
    for y in states_of(row):
        traced(field, jnp.asarray(y, x.dtype))
    assert count() == 1
    if has_parameters(field):
        assert_finite_gradient(lambda f: jnp.sum(f(0.0, x, u) ** 2), field)


@field_sample
def test_field_lowers_for_every_platform(row):
    field, x, u = make_field(row, jnp.float32)
    assert assert_lowers(lambda y: field(0.0, y, u), x).shape == x.shape


@field_sample
def test_field_is_the_same_compiled_or_not(row):
    field, x, u = make_field(row, jnp.float64)
    assert_close(eqx.filter_jit(field)(0.0, x, u), field(0.0, x, u))


@field_sample
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

    for first, second in zip(*both_ways(x, states_of(row).T), strict=True):
        assert_close(first, second)
