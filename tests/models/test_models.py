"""Every model answers the same calls: forecasts, inputs, gradients, files, refusals."""

import chex
import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.data import AbstractBatch
from dynnets.energies import MLPEnergy
from dynnets.fields import mechanical_field
from dynnets.integrators import verlet_kdk
from dynnets.losses import derivative_matching
from dynnets.models import (
    HNN,
    FieldModel,
    HelmholtzHNN,
    NeuralODE,
    PortHamiltonianNetwork,
    energy_rate as energy_rate_of,
)
from dynnets.training import load_model, save_model

MODELS = {
    "hnn": lambda key: HNN(4, 8, 2, key=key),
    "hnn_poisson": lambda key: HNN(
        4, 8, 2, matrix=jnp.kron(jnp.array([[0.0, 2.0], [-2.0, 0.0]]), jnp.eye(2)), key=key
    ),
    "helmholtz": lambda key: HelmholtzHNN(4, 8, 2, key=key),
    "neural_ode": lambda key: NeuralODE(4, 8, 2, key=key),
    "port": lambda key: PortHamiltonianNetwork(4, 8, 2, key=key),
    "port_coordinates": lambda key: PortHamiltonianNetwork(4, 8, 2, damping="coordinates", key=key),
    "field_model": lambda key: FieldModel(
        mechanical_field(jnp.ones(2), MLPEnergy(2, 8, 2, key=key)), verlet_kdk
    ),
}
every_model = pytest.mark.parametrize("name", MODELS)


def _cast(tree, dtype):
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


@every_model
@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_forecast_shape_dtype_and_jit(name, dtype):
    model = _cast(MODELS[name](jr.key(0)), dtype)
    x, ts = jr.normal(jr.key(1), (4,), dtype), jnp.array([0.0, 0.1, 0.25], dtype)
    xs = model.predict(x, ts)
    assert xs.shape == (3, 4)
    assert xs.dtype == dtype
    np.testing.assert_array_equal(xs[0], x)
    assert bool(jnp.isfinite(xs).all())
    if dtype == jnp.float32:
        return
    jitted = eqx.filter_jit(lambda m, y: m.predict(y, ts))(model, x)
    np.testing.assert_allclose(jitted, xs, rtol=0, atol=tol(dtype))


@every_model
def test_derivative_loss_has_finite_gradients(name):
    """Reverse over the field's own derivative, on a batch."""

    class Batch(AbstractBatch):
        t: jax.Array
        x: jax.Array
        dx: jax.Array
        u: None = None

    model = MODELS[name](jr.key(0))
    x, dx = jr.normal(jr.key(1), (2, 7, 4))
    batch = Batch(jnp.zeros(7), x, dx)
    gradient = eqx.filter_grad(lambda m: derivative_matching(m, batch))(model)
    leaves = jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array))
    chex.assert_tree_all_finite(leaves)
    assert sum(float(jnp.abs(leaf).sum()) for leaf in leaves) > 0


@every_model
def test_field_takes_batches_features_first(name):
    model = MODELS[name](jr.key(0))
    xs = jr.normal(jr.key(1), (4, 5))
    one_by_one = jax.vmap(model.field, in_axes=(None, -1), out_axes=-1)(0.0, xs)
    np.testing.assert_allclose(model.field(0.0, xs), one_by_one, atol=tol(xs.dtype))


@every_model
def test_saved_and_loaded_forecasts_are_equal(name, tmp_path):
    model = MODELS[name](jr.key(0))
    save_model(tmp_path / "model", model)
    again = load_model(tmp_path / "model")
    x, ts = jr.normal(jr.key(1), (4,)), jnp.array([0.0, 0.1, 0.25])
    assert type(again) is type(model)
    np.testing.assert_array_equal(again.predict(x, ts), model.predict(x, ts))


@pytest.mark.parametrize("make", [NeuralODE, PortHamiltonianNetwork])
def test_inputs_in_every_form(make):
    model = make(4, 8, 1, input_dim=2, key=jr.key(0))
    x, ts = jr.normal(jr.key(1), (4,)), jnp.linspace(0.0, 1.0, 6)
    u = jnp.array([0.3, -1.0])
    constant = model.predict(x, ts, u)
    values = model.predict(x, ts, jnp.tile(u, (6, 1)))
    function = model.predict(x, ts, lambda t: u)
    path = diffrax.LinearInterpolation(ts, jnp.tile(u, (6, 1)))
    for other in (values, function, model.predict(x, ts, path)):
        np.testing.assert_allclose(other, constant, atol=tol(x.dtype))
    ramp = model.predict(x, ts, jnp.outer(ts, u))
    sampled = model.predict(x, ts, lambda t: t * u)
    np.testing.assert_allclose(ramp, sampled, atol=tol(x.dtype))
    with pytest.raises(ValueError, match="6 times need as many inputs"):
        model.predict(x, ts, jnp.zeros((5, 2)))


def test_one_time_gives_the_initial_state():
    x = jnp.array([1.0, 2.0])
    assert HNN(2, 8, 1, key=jr.key(0)).predict(x, jnp.array([3.0])).tolist() == [[1.0, 2.0]]


def test_substeps_refine_the_forecast():
    x, ts = jnp.array([1.0, 0.0]), jnp.linspace(0.0, 4.0, 5)
    coarse, fine, finer = (
        HNN(2, 8, 2, substeps=n, key=jr.key(0)).predict(x, ts) for n in (4, 8, 64)
    )
    ratio = jnp.abs(coarse - finer).max() / jnp.abs(fine - finer).max()
    assert 3.5 < ratio < 4.6  # order 2 gives 4, plus the error of the reference


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda key: HNN(3, key=key), "dim must be even and positive .* got 3"),
        (lambda key: HNN(0, key=key), "got 0"),
        (lambda key: HelmholtzHNN(5, key=key), "got 5"),
        (lambda key: PortHamiltonianNetwork(1, key=key), "got 1"),
        (lambda key: HNN(2, substeps=0, key=key), "substeps must be an integer of at least 1"),
        (lambda key: HNN(2, width=0, key=key), "width must be an integer of at least 1, got 0"),
        (lambda key: HNN(2, activation="relu", key=key), "activation must be one of .*'relu'"),
        (lambda key: HNN(2, matrix=jnp.eye(2), key=key), "is skew"),
        (lambda key: HNN(2, matrix=jnp.zeros((3, 3)), key=key), "matrix must have shape"),
        (lambda key: HNN(2, step=verlet_kdk, key=key), "needs a field that offers"),
        (
            lambda key: PortHamiltonianNetwork(2, damping="constnat", key=key),
            "did you mean 'constant'",
        ),
        (lambda key: PortHamiltonianNetwork(2, initial=-1.0, key=key), "not be negative, got -1"),
        (lambda key: PortHamiltonianNetwork(2, input_dim=-1, key=key), "input_dim must be"),
        (lambda key: NeuralODE(2, input_dim=-1, key=key), "input_dim must be an integer"),
    ],
)
def test_refusals_at_construction(make, message):
    with pytest.raises(ValueError, match=message):
        make(jr.key(0))


def test_refusals_of_forecasts():
    model = HNN(2, 8, 1, key=jr.key(0))
    x, ts = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    with pytest.raises(ValueError, match="x0 must be finite, got nan at index"):
        model.predict(x.at[1].set(jnp.nan), ts)
    with pytest.raises(ValueError, match="ts must strictly increase"):
        model.predict(x, ts[::-1])
    with pytest.raises(ValueError, match="takes 0 inputs"):
        NeuralODE(2, 8, 1, key=jr.key(0)).predict(x, ts, jnp.zeros(1))
    with pytest.raises(ValueError, match="NeuralODE has no energy"):
        energy_rate_of(NeuralODE(2, 8, 1, key=jr.key(0)), 0.0, x)
