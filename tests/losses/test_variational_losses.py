"""Losses of films: term by term, the Kalman case whose evidence is known, and GECO's multiplier."""

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from scipy.stats import multivariate_normal

from dynnets.data import render_mass_spring
from dynnets.energies import QuadraticEnergy
from dynnets.fields import HamiltonianField, SeparableHamiltonianField
from dynnets.integrators import Gauss, verlet_kdk
from dynnets.losses import GECO, Constrained, FilmLoss, constrained_optimiser, film_evidence
from dynnets.models import (
    HGN,
    AbstractLatentModel,
    AbstractModel,
    FieldModel,
    PixelHNN,
    gaussian_kl,
)
from dynnets.nn import MLP, MLPCodec
from dynnets.training import fit

SIZE, FRAMES, LENGTH = 4, 2, 6


@eqx.filter_jit
def make(key):
    codec_key, key = jr.split(key)
    return HGN(MLPCodec((1, SIZE, SIZE), 1, FRAMES, 8, 1, key=codec_key), 8, 1, key=key)


@functools.partial(jax.jit, static_argnums=1)
def films(key, count=6):
    """Pictures of springs of all amplitudes and phases."""
    size, phase = jr.uniform(key, (2, count, 1))
    times = jnp.arange(float(LENGTH))[None]
    return render_mass_spring((0.3 + size) * jnp.cos(2 * math.pi * phase + 0.25 * times), SIZE)


def without_noise(model):
    """The same, its posterior so narrow that the code is the mean."""
    weight, bias = (np.array(a) for a in model.codec.encoder.layers[-1])
    weight[2:], bias[2:] = 0.0, -40.0
    last = (jnp.asarray(weight), jnp.asarray(bias))
    return eqx.tree_at(lambda m: m.codec.encoder.layers[-1], model, last)


@eqx.filter_jit
def loss_of(loss, model, batch, key):
    return loss(model, batch, key=key)


class Turn(AbstractModel):
    """A model without a field and a step: it turns the plane by one radian in the unit of time."""

    rate: jax.Array

    @property
    def structure(self):
        return frozenset()

    def predict(self, x0, ts, args=None):
        cos, sin = (f(self.rate * (ts - ts[0]))[:, None] for f in (jnp.cos, jnp.sin))
        return cos * x0[None] + sin * jnp.stack([x0[1], -x0[0]])[None]


class Reader(AbstractLatentModel):
    """A latent model of another kind: it reads one picture and turns by its own field's flow."""

    dynamics: AbstractModel
    rows: jax.Array

    def posterior(self, observations):
        mean = self.rows @ observations[0].reshape(SIZE * SIZE, -1)
        return mean, jnp.full_like(mean, -40.0)

    def encode(self, observations):
        return self.posterior(observations)[0].reshape(2, *observations.shape[4:])

    def decode(self, s):
        return (self.rows.T @ s.reshape(2, -1)).reshape(1, SIZE, SIZE, *s.shape[1:])


def reader(key, dynamics=None):
    if dynamics is None:
        dynamics = FieldModel(HamiltonianField(QuadraticEnergy(jnp.eye(2))), Gauss(2))
    return Reader(dynamics, 0.3 * jr.normal(key, (2, SIZE * SIZE)))


@eqx.filter_jit
def by_the_film(model, film):
    """What a film adds to the loss from its first pictures: squared error and KL."""
    error = jnp.sum((model.film(model.encode(film), LENGTH) - film) ** 2) / LENGTH
    return error, gaussian_kl(*model.posterior(film))


@eqx.filter_jit
def from_the_end(model, film):
    """The squared error of a film that is encoded at its end and rolled back."""
    s = model.encode(film[-FRAMES:])
    ahead, back = model.film(s, FRAMES), model.film(s, LENGTH - FRAMES + 1, speed=-1.0)
    return jnp.sum((jnp.concatenate([back[:0:-1], ahead]) - film) ** 2) / LENGTH


def test_loss_is_its_formula(getkey):
    model, batch = without_noise(make(getkey())), films(getkey())
    errors, divergences = np.array([by_the_film(model, film) for film in batch]).T
    loss = loss_of(FilmLoss(0.3), model, batch, getkey())
    np.testing.assert_allclose(loss, np.mean(errors + 0.3 * divergences), rtol=1e-12)


@pytest.mark.parametrize("starts", [1, 3])
def test_anchors_look_at_every_part_of_the_film(getkey, starts):
    """Films in turn from their beginning and from their end; the KL's weight is next to none."""
    model, batch = without_noise(make(getkey())), films(getkey())
    loss = FilmLoss(1e-12, anchors=(0,) * starts + (LENGTH - FRAMES,))
    parts = starts + 1
    early = [[by_the_film(model, film)[0] for film in batch[i::parts]] for i in range(starts)]
    late = [from_the_end(model, film) for film in batch[starts::parts]]
    found = loss_of(loss, model, batch, getkey())
    wanted = np.mean([np.mean(part) for part in (*early, late)])
    np.testing.assert_allclose(found, wanted, rtol=1e-8)


@eqx.filter_jit
def errors(loss, model, batch, keys):
    return jax.vmap(lambda key: loss.terms(model, batch, key=key)[0])(keys)


def test_a_choice_of_pictures_has_the_expectation_of_all(getkey):
    model, batch = without_noise(make(getkey())), films(getkey())
    keys = jr.split(getkey(), 400)
    every = errors(FilmLoss(), model, batch, keys[:1])[0]
    found = np.asarray(errors(FilmLoss(decoded=2), model, batch, keys))
    assert found.std() > 0
    assert abs(found.mean() - every) < 4 * found.std() / 20
    whole = errors(FilmLoss(decoded=LENGTH), model, batch, keys[:1])[0]
    np.testing.assert_allclose(whole, every, rtol=1e-12)


def kalman(key, deviation):
    """A linear codec around a quadratic energy, with the exact posterior as encoder."""
    energies = (QuadraticEnergy(jnp.full((1, 1), a)) for a in (1.3, 0.8))
    inner = FieldModel(SeparableHamiltonianField(*energies), verlet_kdk)
    codec = MLPCodec((1, 1, 3), 1, LENGTH, 1, 0, key=key)
    plain = HGN(codec, transform=0, interval=0.7, dynamics=inner, key=key)
    film = eqx.filter_jit(lambda z: plain.film(plain.initial_state(z), LENGTH).ravel())
    offset = np.asarray(film(jnp.zeros(2)))
    gain = np.stack([np.asarray(film(jnp.asarray(e))) - offset for e in np.eye(2)], axis=1)
    # axes of the code along which the posterior is independent; the prior does not change
    turn = np.linalg.eigh(gain.T @ gain)[1]
    gain = gain @ turn
    precision = 1 + np.sum(gain**2, axis=0) / deviation**2
    mean = gain.T / (deviation**2 * precision[:, None])
    weight = jnp.asarray(np.concatenate([mean, np.zeros_like(mean)]))
    bias = jnp.asarray(np.concatenate([-mean @ offset, -np.log(precision) / 2]))
    rotate = eqx.tree_at(
        lambda net: net.layers,
        MLP(2, 2, 1, 0, key=key),
        ((jnp.asarray(turn - np.eye(2)), jnp.zeros(2)),),
    )
    model = eqx.tree_at(lambda m: m.codec.encoder.layers, plain, ((weight, bias),))
    model = eqx.tree_at(lambda m: m.transform, model, rotate, is_leaf=lambda leaf: leaf is None)
    return model, gain, offset, precision


@eqx.filter_jit
def evidence(model, batch, deviation, samples, keys):
    bound = lambda key: film_evidence(  # noqa: E731
        model, batch, deviation=deviation, samples=samples, key=key
    )
    return jax.vmap(bound)(keys)


def test_evidence_of_a_kalman_model(getkey):
    deviation, draws = 0.4, np.random.default_rng(0)
    model, gain, offset, precision = kalman(getkey(), deviation)
    noise = deviation * draws.standard_normal((3, 3 * LENGTH))
    batch = draws.standard_normal((3, 2)) @ gain.T + offset + noise
    covariance = gain @ gain.T + deviation**2 * np.eye(3 * LENGTH)
    exact = multivariate_normal.logpdf(batch, offset, covariance)
    batch, keys = jnp.asarray(batch.reshape(3, LENGTH, 1, 1, 3)), jr.split(getkey(), 1000)
    for samples in (1, 4):
        found = evidence(model, batch, deviation, samples, keys[:1])[0]
        np.testing.assert_allclose(found, exact, atol=1e-9)
    # a shifted posterior: below the evidence by its divergence, 0.3^2 / 2 of the precisions
    bias = np.array(model.codec.encoder.layers[0][1])
    bias[:2] += 0.3
    wrong = eqx.tree_at(lambda m: m.codec.encoder.layers[0][1], model, jnp.asarray(bias))
    gap = exact - np.mean(evidence(wrong, batch, deviation, 1, keys), axis=0)
    np.testing.assert_allclose(gap, np.sum(0.3**2 * precision / 2), rtol=0.15)


def test_multiplier_follows_the_moving_average_of_the_constraint(getkey):
    """With weights that stand still, `log lambda` rises by `rate` times the average of `C`."""
    model, batch = without_noise(make(getkey())), films(getkey())
    error = errors(FilmLoss(), model, batch, jr.split(getkey(), 1))[0]
    constraint = float(error) / SIZE**2 - 0.05**2
    optimiser = constrained_optimiser(optax.sgd(0.0), rate=0.1)
    done = fit(Constrained(model, 2.0), GECO(0.05), batch, optimiser, steps=5, key=getkey())
    rise = float(done.model.log_multiplier) - math.log(2.0)
    np.testing.assert_allclose(rise, 5 * 0.1 * constraint, rtol=1e-7)
    assert eqx.tree_equal(done.model.model, model)


def test_a_multiplier_at_the_end_of_its_range_moves_back_only(getkey):
    """`d loss / d log lambda` is `-C`: beyond 1e10 with room left it is pushed down again."""
    model, batch = make(getkey()), films(getkey())
    slope = eqx.filter_jit(eqx.filter_grad(lambda m, loss: loss(m, batch, key=jr.key(0))))
    room, broken, far = GECO(1e3), GECO(1e-3), Constrained(model, 1e11)
    assert float(slope(far, room).log_multiplier) == pytest.approx(1e6, rel=1e-3)
    assert float(slope(far, broken).log_multiplier) == 0
    assert float(slope(Constrained(model, 1e-11), room).log_multiplier) == 0
    assert float(slope(Constrained(model, 1e-11), broken).log_multiplier) < 0


def test_geco_reaches_its_tolerance(getkey):
    """Half of the error at the start, with a multiplier that makes the KL count little."""
    model, batch, keys = make(getkey()), films(getkey(), 32), jr.split(getkey(), 1)
    start = float(errors(FilmLoss(), model, batch, keys)[0])
    tolerance = 0.5 * math.sqrt(start) / SIZE
    optimiser = constrained_optimiser(optax.adam(1e-2))
    done = fit(Constrained(model, 1e4), GECO(tolerance), batch, optimiser, steps=200, key=getkey())
    error = float(errors(FilmLoss(), done.model.model, batch, keys)[0])
    assert math.sqrt(error) / SIZE < 1.1 * tolerance


def test_one_loss_for_every_latent_model(getkey):
    """A model that only fills the role: the loss is the formula, and both kinds of dynamics do."""
    key, batch = getkey(), np.asarray(films(getkey(), 3))
    model = reader(key)
    codes = np.asarray(model.rows) @ batch[:, 0].reshape(3, -1).T
    turn = lambda t: np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])  # noqa: E731
    states = np.stack([turn(t) @ codes for t in range(LENGTH)])
    pictures = np.einsum("dp,tdn->ntp", np.asarray(model.rows), states)
    errors = np.sum((pictures - batch.reshape(3, LENGTH, -1)) ** 2, axis=(1, 2)) / LENGTH
    divergence = np.sum((codes**2 + math.exp(-80.0) - 1) / 2 + 40.0, axis=0)
    expected = np.mean(errors + 0.1 * divergence)
    found = loss_of(FilmLoss(0.1), model, jnp.asarray(batch), getkey())
    np.testing.assert_allclose(found, expected, rtol=1e-3)  # the step is of order four at h = 1
    turning = reader(key, Turn(jnp.array(1.0)))
    found = loss_of(FilmLoss(0.1), turning, jnp.asarray(batch), getkey())
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_model_without_a_posterior_is_refused(getkey):
    batch = films(getkey(), 2)
    pixel = PixelHNN((1, SIZE, SIZE), 2, 8, 1, key=getkey())
    for model in (pixel, pixel.dynamics):
        name = type(model).__name__
        with pytest.raises(ValueError, match=f"{name} has no posterior of a code"):
            FilmLoss()(model, batch, key=getkey())
        with pytest.raises(ValueError, match="has no posterior"):
            film_evidence(model, batch, deviation=0.1, key=getkey())


def test_refusals(getkey):
    model, batch = make(getkey()), films(getkey(), 2)
    with pytest.raises(ValueError, match="need films of"):
        FilmLoss(anchors=(5,))(model, batch, key=getkey())
    with pytest.raises(ValueError, match="films must be"):
        FilmLoss()(model, batch[:, :, 0], key=getkey())
    with pytest.raises(ValueError, match="beta"):
        FilmLoss(beta=-1.0)
    with pytest.raises(ValueError, match="anchors are"):
        FilmLoss(anchors=())
    with pytest.raises(ValueError, match="got HGN"):
        GECO(0.1)(model, batch, key=getkey())
    with pytest.raises(ValueError, match="average"):
        constrained_optimiser(optax.adam(1e-3), average=1.0)
    with pytest.raises(ValueError, match="deviation"):
        film_evidence(model, batch, deviation=0.0, key=getkey())
