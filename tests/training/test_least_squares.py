"""Levenberg-Marquardt fits of models."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import pytest
from jaxtyping import Array

from dynnets.data import Trajectories
from dynnets.losses import OneStepMatching, TrajectoryMatching
from dynnets.models import TaylorNet
from dynnets.training import fit, fit_least_squares, stack_models, unstack


class _Decay(eqx.Module):
    size: Array
    rate: Array

    def __call__(self, t):
        return self.size * jnp.exp(-self.rate * t)


TS = jnp.linspace(0.0, 3.0, 30)
DATA = 2.0 * jnp.exp(-0.7 * TS)


def _residual(model, data):
    return {"misfit": model(TS) - data}


def test_exact_data_are_fitted_to_round_off():
    found = fit_least_squares(_Decay(jnp.array(1.0), jnp.array(2.0)), _residual, DATA)
    assert jnp.abs(found.model.size - 2.0) < 1e-6 and jnp.abs(found.model.rate - 0.7) < 1e-6
    assert found.converged and found.value < 1e-12 and 0 < found.steps < 50


def test_an_ensemble_is_its_members():
    def make(key):
        return _Decay(*jnp.exp(0.3 * jr.normal(key, (2,))))

    stack = stack_models(make, jr.split(jr.key(0), 3))
    found = fit_least_squares(stack, _residual, DATA, ensemble=3, steps=4)
    assert found.value.shape == (3,)
    alone = fit_least_squares(unstack(stack, 1), _residual, DATA, steps=4)
    assert jnp.abs(unstack(found.model, 1).rate - alone.model.rate) < 1e-9


@pytest.mark.parametrize("dual", [False, True])
def test_sample_by_sample_is_the_same_fit(dual):
    def misfit(model, data):
        ts, values = data
        return model(ts)[None] - values[None]

    stack = stack_models(
        lambda key: _Decay(*jnp.exp(0.3 * jr.normal(key, (2,)))), jr.split(jr.key(0), 2)
    )
    options = {"ensemble": 2, "steps": 5, "dual": dual}
    plain, single = (
        fit_least_squares(stack, misfit, (TS, DATA), by_sample=each, **options)
        for each in (False, True)
    )
    assert jnp.abs(plain.model.rate - single.model.rate).max() < 1e-9
    assert jnp.abs(plain.model.rate - stack.rate).min() > 1e-2


@pytest.mark.parametrize("data", [None, (TS, DATA[:3]), (TS, jnp.array(1.0))])
def test_samples_must_be_told_apart(data):
    with pytest.raises(ValueError, match="by_sample needs samples along one axis"):
        fit_least_squares(_Decay(jnp.array(1.0), jnp.array(1.0)), _residual, data, by_sample=True)


def test_members_of_an_ensemble_have_samples_each():
    members = _Decay(jnp.ones(2), jnp.ones(2))
    with pytest.raises(ValueError, match="by_sample needs samples along one axis"):
        fit_least_squares(
            members, _residual, (jnp.ones(2), jnp.ones(2)), by_sample=True, ensemble=2, data_axis=0
        )


def test_only_the_chosen_parts_move():
    model = _Decay(jnp.array(1.5), jnp.array(2.0))
    spec = eqx.tree_at(lambda m: m.size, jax.tree.map(eqx.is_inexact_array, model), False)
    found = fit_least_squares(model, _residual, DATA, filter_spec=spec)
    assert found.model.size == model.size and found.model.rate != model.rate


def test_float32_stays_float32():
    model = _Decay(jnp.array(1.0, jnp.float32), jnp.array(1.0, jnp.float32))
    ts, data = TS.astype(jnp.float32), DATA.astype(jnp.float32)
    found = fit_least_squares(model, lambda m, d: m(ts) - d, data, steps=20, tolerance=1e-5)
    assert found.model.rate.dtype == jnp.float32
    assert jnp.abs(found.model.rate - 0.7) < 1e-3


def test_bad_arguments_are_named():
    model = _Decay(jnp.array(1.0), jnp.array(jnp.nan))
    with pytest.raises(ValueError, match="not finite"):
        fit_least_squares(model, _residual, DATA)
    good = _Decay(jnp.array(1.0), jnp.array(1.0))
    with pytest.raises(ValueError, match="0"):
        fit_least_squares(good, _residual, DATA, steps=0)
    with pytest.raises(ValueError, match="nothing to fit"):
        fit_least_squares(good, _residual, DATA, filter_spec=lambda leaf: False)
    with pytest.raises(ValueError, match="ensemble"):
        fit_least_squares(good, _residual, DATA, ensemble=0)


def test_the_recipe_of_few_observations_runs_as_it_is_written():
    """README's row of `TaylorNet`: a short fit, then least squares of the loss's own residual."""
    start = jnp.linspace(0.0, 6.0, 12)
    before, after = (jnp.stack([jnp.cos(t), -jnp.sin(t)], axis=1) for t in (start, start + 0.1))
    pairs = Trajectories.from_pairs(before, after, 0.1, phase="momenta")
    loss = OneStepMatching(None)
    model = TaylorNet(2, 2, 3, key=jr.key(0))
    short = fit(model, loss, pairs, optax.adam(1e-2), steps=100, key=jr.key(1))
    residual = loss.residual(short.model, pairs)
    assert residual.shape == (12, 1, 2)
    assert jnp.allclose(jnp.mean(residual**2), loss(short.model, pairs))
    sharp = fit_least_squares(short.model, loss.residual, pairs, dual=True)
    assert loss(sharp.model, pairs) < 1e-6 * loss(short.model, pairs)
    whole = TrajectoryMatching(None)
    assert jnp.allclose(whole.residual(sharp.model, pairs), loss.residual(sharp.model, pairs))


def test_residuals_are_scaled_and_zero_on_padding():
    ts = [jnp.array([0.0, 0.1, 0.2]), jnp.array([0.0, 0.1])]
    record = Trajectories.from_trials(ts, [jnp.ones((3, 2)), jnp.ones((2, 2))])
    model = TaylorNet(2, 2, 3, key=jr.key(0))
    scale = jnp.array([2.0, 4.0])
    for make in (OneStepMatching, TrajectoryMatching):
        plain, scaled = make(None), make(None, scale=scale)
        rows = plain.residual(model, record)
        assert rows.shape == (2, 2, 2)
        assert bool((rows[1, 1] == 0).all()) and bool((rows[1, 0] != 0).all())
        assert jnp.allclose(scaled.residual(model, record), rows / scale.reshape((1, 1, 2)))
        with pytest.raises(ValueError, match="key is missing: it draws the noise"):
            make(None, noise=0.1)(model, record)
