"""Models that see pictures: shapes, the loss term by term, files, refusals, and that it learns."""

import chex
import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import tol

from dynnets.data import render_pendulum
from dynnets.integrators import RungeKutta
from dynnets.losses import PixelMatching
from dynnets.models import HNN, NeuralODE, PixelHNN
from dynnets.nn import MLP, ResidualMLP, residual_mlp
from dynnets.training import fit, load_model, save_model

SIZE = 8
SHAPE = (2, SIZE, SIZE)


def make(key, **options):
    field_key, key = jr.split(key)
    step = RungeKutta(diffrax.Heun())  # quicker to compile than the implicit default
    options.setdefault("dynamics", HNN(2, 8, 1, step=step, key=field_key))
    return PixelHNN(SHAPE, 2, 12, 1, key=key, **options)


def films(key, count=6, dtype=float):
    """Three pictures each of pendulums that turn evenly."""
    start = jr.uniform(key, (count, 1), minval=-0.6, maxval=0.6)
    return render_pendulum((start + jnp.array([[0.0, 0.1, 0.2]])).astype(dtype), SIZE)


def test_residual_net_is_its_formula(getkey):
    net = ResidualMLP(5, 3, 4, 2, activation="tanh", key=getkey())
    (w1, b1), (w2, b2), (w3, b3), (w4, b4) = net.layers
    x = jr.normal(getkey(), (5,))
    h = jnp.tanh(w1 @ x + b1)
    h = h + jnp.tanh(w2 @ h + b2)
    h = h + jnp.tanh(w3 @ h + b3)
    np.testing.assert_allclose(net(x), w4 @ h + b4, atol=tol(x.dtype))
    assert len(ResidualMLP(5, 3, 4, 0, key=getkey()).layers) == 2


def test_residual_net_takes_features_first_batches(getkey):
    net, x = ResidualMLP(5, 3, 4, 1, key=getkey()), jr.normal(getkey(), (5, 7))
    one_by_one = jnp.stack([net(column) for column in x.T], axis=1)
    np.testing.assert_allclose(net(x), one_by_one, atol=tol(x.dtype))
    weights = MLP(5, 3, 4, 2, key=getkey()).layers
    assert residual_mlp(weights, "relu", x).shape == (3, 7)


def test_forecast_is_the_decoded_latent_forecast(getkey):
    dtype, model = jnp.float32, make(getkey())
    model = jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, model)
    pair = films(getkey(), 1, dtype)[0, :2]
    ts = jnp.arange(4, dtype=dtype)

    @eqx.filter_jit
    def both(model):
        latent = model.dynamics.predict(model.encode(pair), ts)
        return model.predict(pair, ts), model.decode(latent[2])

    pictures, third = both(model)
    assert pictures.shape == (4, *SHAPE)
    assert pictures.dtype == dtype
    np.testing.assert_allclose(pictures[2], third, atol=tol(dtype))


def test_field_energy_and_structure_are_those_of_the_latent_model(getkey):
    model = make(getkey())
    assert model.structure == model.dynamics.structure
    z = model.encode(films(getkey(), 1)[0, :2])
    slope = jax.grad(lambda y: model.energy(0.0, y))(z)
    np.testing.assert_allclose(slope @ model.field(0.0, z), 0.0, atol=tol(z.dtype))
    baseline = make(getkey(), dynamics=NeuralODE(2, 8, 1, key=getkey()))
    assert baseline.energy is None
    assert baseline.structure == frozenset()


@eqx.filter_jit
def pixel_loss(model, movie, **options):
    return PixelMatching(**options)(model, movie)


@eqx.filter_jit
def reference_loss(model, movie, weight):
    """The published loss of films of three pictures, one film at a time."""
    terms = []
    for film in movie:
        z, after = model.encode(film[:2]), model.encode(film[1:])
        picture = jnp.mean((model.decode(z) - film[:2]) ** 2)
        momentum = (z[1] - (after[0] - z[0])) ** 2
        euler = jnp.mean((z + model.field(0.0, z) - after) ** 2)
        terms.append(picture + momentum + weight * euler)
    return jnp.mean(jnp.stack(terms))


def test_loss_is_the_published_one(getkey):
    model, movie = make(getkey()), films(getkey())
    loss = pixel_loss(model, movie, weight=2.0)
    np.testing.assert_allclose(loss, reference_loss(model, movie, 2.0), rtol=1e-12)


def test_relative_loss_measures_the_motion_against_the_spread_of_the_codes(getkey):
    model, movie = make(getkey()), films(getkey())
    z = jax.vmap(model.encode)(movie[:, :2])
    pictures = jnp.mean((jax.vmap(model.decode)(z) - movie[:, :2]) ** 2)
    plain = pixel_loss(model, movie, interval=0.3)
    relative = pixel_loss(model, movie, interval=0.3, relative=True)
    spread = jnp.mean(jnp.var(z, axis=0))
    np.testing.assert_allclose(relative - pictures, (plain - pictures) / spread, rtol=1e-10)


def test_interval_is_the_unit_of_velocity_and_step(getkey):
    model, movie, h = make(getkey()), films(getkey()), 0.3
    z, after = (jax.vmap(model.encode)(movie[:, i : i + 2]) for i in (0, 1))
    pictures = jnp.mean((jax.vmap(model.decode)(z) - movie[:, :2]) ** 2)
    velocity = jnp.mean((z[:, 1] - (after[:, 0] - z[:, 0]) / h) ** 2)
    moved = z + h * jax.vmap(lambda y: model.field(0.0, y))(z)
    expected = pictures + velocity + 0.1 * jnp.mean((moved - after) ** 2)
    np.testing.assert_allclose(pixel_loss(model, movie, interval=h), expected, rtol=1e-10)


def test_long_films_count_every_pair(getkey):
    model = make(getkey())
    film = render_pendulum(jnp.linspace(0.0, 0.5, 5), SIZE)
    cut = jnp.stack([film[i : i + 3] for i in range(3)])
    np.testing.assert_allclose(pixel_loss(model, film[None]), pixel_loss(model, cut), rtol=1e-12)


def test_loss_takes_any_step(getkey):
    model, movie = make(getkey()), films(getkey())
    euler, heun = pixel_loss(model, movie), pixel_loss(model, movie, step=model.dynamics.step)
    assert float(euler) != float(heun)


def test_training_lowers_the_loss(getkey):
    model, movie = make(getkey()), films(getkey(), 32)
    done = fit(model, PixelMatching(), movie, optax.adam(1e-2), steps=60, key=getkey())
    assert done.history.loss[-1] < 0.3 * done.history.loss[0]


def test_one_file(tmp_path, getkey):
    model = make(getkey())
    save_model(tmp_path / "pixel.model", model)
    chex.assert_trees_all_equal(load_model(tmp_path / "pixel.model"), model)


def test_refusals(getkey):
    model = make(getkey())
    with pytest.raises(ValueError, match="has shape"):
        model.encode(jnp.zeros((2, SIZE, SIZE + 1)))
    with pytest.raises(ValueError, match="even"):
        PixelHNN(SHAPE, 3, 12, 1, key=getkey())
    with pytest.raises(ValueError, match="entry of shape"):
        PixelHNN((2, 0, 8), key=getkey())
    with pytest.raises(ValueError, match="relu"):
        ResidualMLP(2, 2, 4, 1, activation="rely", key=getkey())
    with pytest.raises(ValueError, match="T >= 3"):
        PixelMatching()(model, jnp.zeros((4, 2, SIZE, SIZE)))
    with pytest.raises(ValueError, match="weight"):
        PixelMatching(weight=0.0)
    with pytest.raises(ValueError, match=r"interval.*-0\.1"):
        PixelMatching(interval=-0.1)
