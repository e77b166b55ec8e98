"""HGN: the latent flow against its closed form and its structure, films, baselines, refusals."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import tol

from dynnets.energies import KnownEnergy, QuadraticEnergy
from dynnets.fields import GatedField, SeparableHamiltonianField
from dynnets.integrators import explicit_euler, heun, verlet_kdk
from dynnets.models import HGN, FieldModel, NeuralODE
from dynnets.nn import MLPCodec
from dynnets.structure import REVERSIBLE, SYMPLECTIC, VOLUME, symplecticity_defect
from dynnets.training import load_model, save_model

SHAPE, FRAMES = (1, 4, 4), 2


@eqx.filter_jit
def _make(key, n, options):
    codec_key, key = jr.split(key)
    options = {"width": 8, "depth": 1, "transform": 4} | options
    return HGN(MLPCodec(SHAPE, n, FRAMES, 8, 1, key=codec_key), key=key, **options)


def make(key, n=2, **options):
    return _make(key, n, options)


@eqx.filter_jit
def states(model, s, pictures, speed=1.0):
    return model.states(s, pictures, speed=speed)


def unit_oscillator(key, h):
    """`T = p^2 / 2`, `V = q^2 / 2`, and a picture of one pixel that is `q` itself."""
    codec = MLPCodec((1, 1, 1), 1, 2, 1, 0, key=key)
    codec = eqx.tree_at(lambda c: c.decoder.layers[0][0], codec, jnp.ones((1, 1)))
    one = QuadraticEnergy(jnp.eye(1))
    inner = FieldModel(SeparableHamiltonianField(one, one), verlet_kdk)
    return HGN(codec, transform=0, interval=h, dynamics=inner, key=key)


@pytest.mark.parametrize("kinetic", ["fixed", "learned", "masses"])
def test_a_confined_energy_has_compact_levels(getkey, kinetic):
    """Whatever the nets are it grows without bound in every direction; a net alone need not."""
    directions = jr.normal(getkey(), (4, 50))
    away = jnp.stack([size * directions for size in (1e2, 1e3, 1e4)])
    heights = {}
    for confined in (True, False):
        model = make(getkey(), kinetic=kinetic, confined=confined)
        steep = jax.tree.map(lambda leaf: -3 * leaf if leaf.ndim == 2 else leaf, model.field)
        heights[confined] = jnp.stack([steep.energy(0.0, x) for x in away])
    assert (jnp.diff(heights[True], axis=0) > 0).all() and (heights[True][-1] > 1e7).all()
    assert (heights[False].min() < 0) or kinetic != "learned"


def test_harmonic_film_is_the_closed_form_of_leapfrog(getkey):
    """Verlet turns the ellipse `q^2 (1 - h^2/4) + p^2` by the angle with `cos = 1 - h^2 / 2`."""
    h, s0 = 0.3, jnp.array([0.7, -0.4])
    film = unit_oscillator(getkey(), h).film(s0, 40)
    turn = np.arccos(1 - h**2 / 2) * np.arange(40)
    expected = 0.7 * np.cos(turn) - 0.4 * np.sin(turn) / np.sqrt(1 - h**2 / 4)
    np.testing.assert_allclose(film[:, 0, 0, 0], expected, atol=1e-13)


@eqx.filter_jit
def one_step(model, s):
    """Symplecticity defect of three steps, one step, and its parts by automatic differentiation."""
    defect = symplecticity_defect(lambda x: model.states(x, 4)[-1], s)
    q, p, h = s[:2], s[2:], model.interval
    force, velocity = (
        jax.grad(energy.__call__, argnums=1)
        for energy in (model.field.potential, model.field.kinetic)
    )
    kicked = p - h / 2 * force(0.0, q)
    drift = velocity(0.0, kicked)
    return defect, model.states(s, 2)[1, :2], q + h * drift, drift - kicked


def test_latent_step_is_symplectic_and_follows_the_gradient_of_its_kinetic_energy(getkey):
    model, s = make(getkey()), jr.normal(getkey(), (4,))
    assert {SYMPLECTIC, VOLUME, REVERSIBLE} <= model.structure
    defect, moved, expected, excess = one_step(model, s)
    assert float(defect) < 1e-12
    # q' = dT/dp and not p: the learned T is no |p|^2 / 2
    np.testing.assert_allclose(moved, expected, atol=1e-14)
    assert np.abs(excess).max() > 1e-2


@pytest.mark.parametrize(("confined", "interval"), [(False, 0.125), (True, 0.0625)])
def test_speeds_back_half_and_double(getkey, confined, interval):
    """A confined motion is faster (its frequency is about one): half the interval."""
    model = make(getkey(), confined=confined, interval=interval)
    s = jr.normal(getkey(), (4, 3))
    there = np.asarray(states(model, s, 21))
    back = np.asarray(states(model, jnp.asarray(there[-1]), 21, -1.0))
    np.testing.assert_allclose(back[::-1], there, atol=tol(s.dtype, 1e-2))
    fine = np.asarray(states(model, s, 161, 0.125))[-1]
    half = np.asarray(states(model, s, 41, 0.5))[-1]
    ratio = np.abs(there[-1] - fine).max() / np.abs(half - fine).max()
    assert 3.5 < ratio < 4.9  # order 2: (1 - 1/64) / (1/4 - 1/64) = 4.2 against 1/8 of the step
    fast = np.asarray(states(model, s, 6, 2.0))
    assert np.abs(fast[-1] - there[10]).max() < 1e-2  # the same time, two step sizes


@pytest.mark.parametrize("kinetic", ["fixed", "masses"])
def test_quadratic_kinetic_energies(getkey, kinetic):
    model, p = make(getkey(), kinetic=kinetic), jr.normal(getkey(), (2, 3))
    np.testing.assert_allclose(model.field.drift(0.0, p), p, atol=1e-14)
    assert isinstance(model.field.kinetic, KnownEnergy) is (kinetic == "fixed")


def test_film_and_forecast_agree_in_any_batch(getkey):
    dtype = jnp.float32
    model = jax.tree.map(
        lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, make(getkey())
    )
    films = jr.normal(getkey(), (FRAMES + 1, *SHAPE, 3), dtype)
    decoded = model.film(model.encode(films), 6)
    assert decoded.shape == (6, *SHAPE, 3)
    assert decoded.dtype == dtype
    forecast = model.predict(films[:FRAMES, ..., 1], 0.125 * jnp.arange(6, dtype=dtype))
    np.testing.assert_allclose(forecast, decoded[..., 1], atol=tol(dtype))
    assert model.sample(3, key=getkey()).shape == (3, *SHAPE)
    mean, log_deviation = model.posterior(films)
    assert mean.shape == log_deviation.shape == (4, 3)


def test_baselines_share_the_codec(getkey):
    key = getkey()
    plain = make(key, dynamics=NeuralODE(4, 8, 1, step=heun, key=key))
    cell = FieldModel(GatedField(4, 8, rate=8.0, key=key), explicit_euler)
    gated = make(key, dynamics=cell)
    for model in (plain, gated):
        assert model.energy is None
        assert model.structure == frozenset()
        assert model.sample(3, key=key).shape == (3, *SHAPE)
    s = jr.normal(getkey(), (4,))
    gate, candidate = jnp.split(cell.field.net(s), 2)
    g = jax.nn.sigmoid(gate)
    np.testing.assert_allclose(gated.states(s, 2)[1], (1 - g) * s + g * candidate, atol=1e-14)


def test_one_file(tmp_path, getkey):
    model = make(getkey(), kinetic="fixed")
    save_model(tmp_path / "hgn.model", model)
    assert eqx.tree_equal(load_model(tmp_path / "hgn.model"), model)


def test_refusals(getkey):
    model = make(getkey())
    with pytest.raises(ValueError, match="2 pictures of shape"):
        model.encode(jnp.zeros((1, *SHAPE)))
    with pytest.raises(ValueError, match="pictures of shape"):
        model.encode(jnp.zeros((2, 1, 4, 5)))
    with pytest.raises(ValueError, match="kinetic must be one of"):
        make(getkey(), kinetic="fix")
    with pytest.raises(ValueError, match="interval must be positive"):
        make(getkey(), interval=0.0)
    with pytest.raises(ValueError, match="pictures must be"):
        model.states(jnp.zeros(4), 1)
    with pytest.raises(ValueError, match="rate"):
        GatedField(2, 4, rate=0.0, key=getkey())
