"""The contracts of every model and density of the registry."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from contract import assert_lowers, batch_of, in_both_precisions, sampled
from helpers import assert_close, tol
from model_rows import DENSITIES, MODELS
from registry import cast

from dynnets.integrators import rollout
from dynnets.models import AbstractFlow, AbstractLatentModel
from dynnets.structure import OF_STEPS, ROWS
from dynnets.training import load_model, save_model, stack_models, unstack

pytestmark = pytest.mark.usefixtures("few_programs_at_once")

TIMES = np.array([0.0, 0.1, 0.3, 0.5])


def make(row, dtype):
    """The row's model, what it forecasts from, times, and an input or `None`."""
    u = jnp.asarray(batch_of((row.inputs,), 1)[0], dtype) if row.inputs else None
    x = jnp.asarray(0.5 * batch_of(row.shape, 1)[0], dtype)
    return cast(row.make(jr.key(1)), dtype), x, jnp.asarray(TIMES, dtype), u


@eqx.filter_jit
def forecast(model, x, ts, u):
    return model.predict(x, ts, u)


def map_of(model, h):
    """The forecast map of one interval: of the latent state, for a model of pictures."""
    inner = model.dynamics if isinstance(model, AbstractLatentModel) else model
    ts = jnp.stack([jnp.zeros_like(h), h])
    return lambda x: inner.predict(x, ts)[-1]


def map_defects(model, x, h, tags):
    """The defect of every tag that a model claims: of its map, or of its step and its field."""
    inner = model.dynamics if isinstance(model, AbstractLatentModel) else model
    found = {}
    for tag in tags:
        row = ROWS[tag]
        if row.map_defect is not None:
            found[str(tag)] = row.map_defect(map_of(model, h), x)
        elif isinstance(inner, AbstractFlow):
            assert tag in OF_STEPS, f"{tag} of a flow has no oracle"
            found[str(tag)] = jnp.abs(inner.inverse(h, inner(h, x)) - x).max()
        else:
            found[str(tag)] = row.oracle(inner.step, inner.field, 0.0, x, h)
    return found


@in_both_precisions(MODELS)
def test_model_keeps_dtype_and_structure(row, dtype):
    """Shapes and dtype of a forecast, and every tag that the model claims, by its oracle."""
    model, x, ts, u = make(row, dtype)
    latent = isinstance(model, AbstractLatentModel)
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    @jax.jit
    def measure(params, x, state, ts, h):
        whole = eqx.combine(params, rest)
        path = whole.predict(x, ts, u)
        # a flow is trained at one time: its composition has no reverse derivative
        end = lambda m: m(ts[-1], x) if isinstance(m, AbstractFlow) else m.predict(x, ts, u)  # noqa: E731
        loss = jax.grad(lambda p: jnp.sum(end(eqx.combine(p, rest)) ** 2))
        # an input is no part of what a model claims
        tags = frozenset() if row.inputs else whole.structure
        return path, loss(params), map_defects(whole, state, h, tags)

    state = model.encode(x) if latent else x
    path, slope, defects = measure(params, x, state, ts, jnp.asarray(0.1, dtype))
    assert path.shape == (len(TIMES), *(row.observed or row.shape))
    assert path.dtype == dtype and np.isfinite(path).all()
    if not latent:
        assert_close(path[0], x)
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(slope)]
    assert leaves and all(np.isfinite(leaf).all() for leaf in leaves)
    assert any(np.abs(leaf).max() > 0 for leaf in leaves)
    for tag, defect in defects.items():
        assert defect <= tol(dtype, 1 + float(np.abs(np.asarray(state)).max())), tag


def test_a_false_claim_is_measured():
    """The oracle of the forecast map can fail: a net of no structure is not symplectic."""
    row = next(row for row in MODELS if row.name == "neural_ode")
    model, x, _, _ = make(row, jnp.float64)
    (tag,) = (tag for tag in ROWS if str(tag) == "SYMPLECTIC")
    h = jnp.asarray(0.5)
    defects = jax.jit(lambda x: map_defects(model, x, h, {tag}))(x)
    assert defects["SYMPLECTIC"] > 1e3 * tol(x.dtype)


@sampled(MODELS, 3)
def test_batches_and_ensembles_are_loops(row):
    """A batch of states by vmap, and two members stacked, are each state and member alone."""
    model, x, ts, u = make(row, jnp.float64)
    batch = jnp.asarray(0.5 * batch_of(row.shape))
    loop = np.stack([forecast(model, y, ts, u) for y in batch])
    many = eqx.filter_jit(jax.vmap(lambda y: model.predict(y, ts, u)))(batch)
    assert_close(many, loop)
    stack = stack_models(row.make, jr.split(jr.key(3), 2))
    both = eqx.filter_jit(eqx.filter_vmap(lambda m: m.predict(x, ts, u)))(stack)
    for i in range(2):
        assert_close(both[i], forecast(unstack(stack, i), x, ts, u))


@sampled(MODELS, 3, 1)
def test_a_saved_model_is_the_same(row, tmp_path):
    model, x, ts, u = make(row, jnp.float64)
    path = tmp_path / "model"
    save_model(path, model)
    again = load_model(path)
    assert jax.tree.structure(again) == jax.tree.structure(model)
    np.testing.assert_array_equal(forecast(again, x, ts, u), forecast(model, x, ts, u))
    assert again.structure == model.structure


@sampled(MODELS, 3, 2)
def test_the_declared_parts_agree(row):
    """Compiled or not; the field under the step is the forecast, the energy is the field's."""
    model, x, ts, u = make(row, jnp.float64)
    path = forecast(model, x, ts, u)
    assert_close(path, model.predict(x, ts, u))
    inner = model.dynamics if isinstance(model, AbstractLatentModel) else model
    state = model.encode(x) if isinstance(model, AbstractLatentModel) else x
    if inner.field is None:
        assert inner.step is None and inner.energy is None
        return
    assert inner.field(0.0, state, u).shape == state.shape
    if inner.step is not None and inner.copies is None and row.name.split("_")[0] != "scaled":
        rolled = eqx.filter_jit(rollout)(
            inner.step, inner.field, state, ts, u, substeps=inner.substeps
        ).xs
        assert_close(rolled, forecast(inner, state, ts, u))
    if inner.energy is not None and inner.field.energy is not None:
        assert_close(inner.energy(0.0, state), inner.field.energy(0.0, state))
    names = [bound.name for bound in model.bounds()]
    assert all(name.isupper() for name in names)


@sampled(MODELS, 4)
def test_forecast_lowers_for_every_platform(row):
    model, x, ts, u = make(row, jnp.float32)
    out = assert_lowers(lambda y: model.predict(y, ts, u), x)
    assert out.shape == (len(TIMES), *(row.observed or row.shape))


@in_both_precisions(DENSITIES)
def test_density(row, dtype):
    """Shapes, dtype, batches, conditions; draws have the density that is claimed of them."""
    model = cast(row.make(jr.key(1)), dtype)
    given = jnp.asarray(batch_of((model.condition_dim,)).T, dtype) if model.condition_dim else None
    x = jnp.asarray(batch_of((model.dim,)).T, dtype)

    @eqx.filter_jit
    def measure(model, x, given, key):
        one = None if given is None else given[:, 0]
        alone = jnp.stack(
            [model.log_prob(x[:, i], None if given is None else given[:, i]) for i in range(3)]
        )
        bound = model.log_bound(x[: model.data_dim], given, samples=2, key=key)
        draws = model.sample(key=key, shape=(2, 4), condition=one)
        flat = draws.reshape(model.dim, -1)
        return model.log_prob(x, given), alone, bound, draws, model.log_prob(flat, one)

    together, alone, bound, draws, likely = measure(model, x, given, jr.key(2))
    assert together.shape == bound.shape == (3,) and together.dtype == draws.dtype == dtype
    assert_close(together, alone, 1 + np.abs(np.asarray(alone)).max())
    assert draws.shape == (model.dim, 2, 4) and np.isfinite(likely).all()
    if model.data_dim == model.dim:
        assert_close(bound, together, 1 + np.abs(np.asarray(alone)).max())
    params, rest = eqx.partition(model, eqx.is_inexact_array)

    def loss(params):
        whole = eqx.combine(params, rest)
        return -jnp.mean(whole.log_bound(x[: model.data_dim], given, key=jr.key(2)))

    leaves = jax.tree.leaves(jax.jit(jax.grad(loss))(params))
    assert leaves and all(np.isfinite(leaf).all() for leaf in leaves)


@pytest.mark.parametrize("row", DENSITIES, ids=lambda row: row.name)
def test_density_has_a_mass_of_one(row):
    """All densities of the registry are of two variables: the rectangle rule in the plane."""
    model = row.make(jr.key(1))
    assert model.dim == 2
    axis = np.linspace(-16.0, 16.0, 321)
    grid = np.stack(np.meshgrid(axis, axis)).reshape(2, -1)
    given = jnp.asarray(batch_of((model.condition_dim,), 1)[0]) if model.condition_dim else None
    values = jax.jit(lambda y: model.log_prob(y, given))(jnp.asarray(grid))
    assert np.sum(np.exp(values)) * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=1e-6)
