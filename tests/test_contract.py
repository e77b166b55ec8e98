"""The contracts, on every row of the registry."""

import itertools

import chex
import equinox as eqx
import jax
import jax.export
import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import tol
from registry import DIM, FIELDS, STEPS, cast

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MASS,
    NON_EXPANSIVE,
    NORM,
    POISSON,
    REVERSIBLE,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    canonical_matrix,
)
from dynnets.integrators import Relaxation, as_solver, rollout, step_info, structure_of

DTYPES = [jnp.float32, jnp.float64]
PLATFORMS = ["cpu", "cuda", "tpu"]
field_rows = pytest.mark.parametrize("row", FIELDS, ids=lambda row: row.name)
step_rows = pytest.mark.parametrize("row", STEPS, ids=lambda row: row.name)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)


@pytest.fixture(scope="module", autouse=True)
def _compiled_quickly():
    """Hundreds of small programs run once: their optimisation costs more than it saves."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


_TESTS = itertools.count(1)


@pytest.fixture(autouse=True)
def _few_programs_at_once():
    """Hundreds of compiled programs in one process run into the limit on its memory maps."""
    yield
    if next(_TESTS) % 40 == 0:
        jax.clear_caches()


def make_field(row, dtype):
    field = cast(row.make(jr.key(1)), dtype)
    x = jr.normal(jr.key(2), (DIM,), dtype)
    u = jr.normal(jr.key(3), (row.inputs,), dtype) if getattr(row, "inputs", 0) else None
    return field, x, u


def close(a, b, scale=1.0):
    chex.assert_trees_all_close(a, b, atol=tol(a.dtype, scale), rtol=0)


def assert_finite_gradient(function, tree):
    gradient = eqx.filter_grad(function)(tree)
    leaves = jax.tree.leaves(gradient)
    assert leaves
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)
    assert any(float(jnp.abs(leaf).max()) > 0 for leaf in leaves)


def count_traces(function):
    """`function`, and a function that says how often it has been traced."""
    traces = []

    def counted(*arguments):
        traces.append(1)
        return function(*arguments)

    return counted, lambda: len(traces)


def lowers(function, x):
    exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(x)
    assert tuple(exported.platforms) == tuple(PLATFORMS)
    assert exported.out_avals[0].shape == x.shape


# Fields.


@dtypes
@field_rows
def test_field_keeps_dtype_and_shape_under_jit(row, dtype):
    field, x, u = make_field(row, dtype)
    value = field(0.0, x, u)
    assert value.dtype == dtype
    assert value.shape == x.shape
    close(eqx.filter_jit(field)(0.0, x, u), value)


@field_rows
def test_field_on_a_batch_is_a_loop(row):
    field, x, u = make_field(row, jnp.float64)
    batch = jr.normal(jr.key(4), (3, DIM))
    one = eqx.filter_jit(lambda y: field(0.0, y, u))
    loop = jnp.stack([one(y) for y in batch])
    close(jax.jit(jax.vmap(one))(batch), loop)
    if type(field).features_first:
        close(one(batch.T).T, loop)


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
    lowers(lambda y: field(0.0, y, u), x)


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
    close(energy.gradient(0.0, x), jax.grad(energy, argnums=1)(0.0, x))
    batch = jr.normal(jr.key(4), (DIM, 3))
    close(energy(0.0, batch), jax.vmap(lambda y: energy(0.0, y), -1, -1)(batch))


# Steps.


@step_rows
def test_step_on_a_batch_is_a_loop(row):
    field, _, _ = make_field(row, jnp.float64)
    batch = jr.normal(jr.key(4), (3, DIM))
    one = eqx.filter_jit(lambda y: row.step(field, 0.0, y, 0.1))
    loop = jnp.stack([one(y) for y in batch])
    close(jax.jit(jax.vmap(one))(batch), loop)
    close(one(batch.T).T, loop)


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
    lowers(lambda y: rollout(row.step, field, y, (0.1, 4)).xs[-1], x)


@dtypes
@step_rows
def test_step_keeps_dtype_and_structure(row, dtype):
    field, x, _ = make_field(row, dtype)
    tags, start = structure_of(row.step, field), x
    if hasattr(row.step, "on_pair"):
        x = jnp.concatenate([x[:2], x[:2] + 0.1, x[2:], x[2:] - 0.1])
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
    assert bool(jnp.isfinite(value).all())
    if dtype == jnp.float64:
        close(row.step(field, 0.0, start, 0.1), value)
    close(back, x)
    close(undone, start)
    form = canonical_matrix(x.shape[0] // 2, dtype)
    if SYMPLECTIC in tags:
        assert float(jnp.abs(jacobian.T @ form @ jacobian - form).max()) <= tol(dtype)
    if POISSON in tags:
        matrix = field.matrix
        defect = jacobian @ matrix @ jacobian.T - matrix
        assert float(jnp.abs(defect).max()) <= tol(dtype, float(jnp.abs(matrix).max()))
    if VOLUME in tags:
        assert abs(float(jnp.linalg.det(jacobian)) - 1) <= tol(dtype)
    if NON_EXPANSIVE in tags:
        assert float(jnp.linalg.norm(jacobian, 2)) <= 1 + tol(dtype)
    if NORM in tags:
        assert abs(float(jnp.linalg.norm(value) - jnp.linalg.norm(start))) <= tol(dtype)
    if MASS in tags:
        assert abs(float(jnp.sum(value) - jnp.sum(start))) <= tol(dtype)
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


@step_rows
def test_observed_order(row):
    field, x, _ = make_field(row, jnp.float64)
    x = 0.5 * x
    info = step_info(row.step)
    orbit = eqx.filter_jit(lambda h: rollout(row.step, field, x, (h, 32)).xs)
    ends = [orbit(jnp.asarray(2.0 / n))[n] for n in (8, 16, 32)]
    coarse, fine = (float(jnp.abs(a - b).max()) for a, b in zip(ends, ends[1:], strict=False))
    slope = float(jnp.log2(coarse / fine))
    assert abs(slope - info.order) <= 0.3, slope


@step_rows
def test_rollout_agrees_with_bare_steps_and_with_diffrax(row):
    import diffrax

    field, x, _ = make_field(row, jnp.float64)
    xs = eqx.filter_jit(rollout)(row.step, field, x, (0.1, 5)).xs
    # a bare step on pairs makes the other state of the pair afresh, a relaxed one has no lag yet
    if not (hasattr(row.step, "on_pair") or isinstance(row.step, Relaxation)):
        y = x
        one = eqx.filter_jit(row.step)
        for i in range(5):
            y = one(field, 0.1 * i, y, 0.1)
        close(xs[-1], y)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field), as_solver(row.step, field), 0.0, 0.5, 0.1, x
    )
    close(solution.ys[-1], xs[-1])
