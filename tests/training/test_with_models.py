"""`fit`, the losses and the files with the library's own data and models."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from dynnets.data import Samples, Trajectories
from dynnets.integrators import RungeKutta, Tao, yoshida4
from dynnets.losses import TrajectoryMatching, derivative_matching
from dynnets.models import HNN, PortHamiltonianNetwork
from dynnets.training import (
    FreeInitialStates,
    fit,
    index_trials,
    load_model,
    save_model,
    stack_models,
    unstack,
)


def pendulum_samples(n=40):
    x = jr.normal(jr.key(1), (n, 2))
    dx = jnp.stack([x[:, 1], -jnp.sin(x[:, 0])], axis=1)
    return Samples(t=jnp.zeros(n), x=x, dx=dx)


def oscillator_trials(has_input):
    """Three trials of unequal length of q = cos(t + phase), p = -sin(t + phase)."""
    ts = [np.linspace(0, 2, n) ** 1.1 for n in (9, 6, 7)]
    xs = [np.stack([np.cos(t + i), -np.sin(t + i)], axis=1) for i, t in enumerate(ts)]
    us = [np.zeros((len(t), 1)) for t in ts] if has_input else None
    return Trajectories.from_trials(ts, xs, us, names=("q", "p"), phase="momenta")


def test_seeds_in_one_run_then_one_file_each(tmp_path):
    stack = stack_models(
        lambda key: HNN(2, 8, 1, step=Tao(omega=10.0), key=key), jr.split(jr.key(0), 2)
    )
    data = pendulum_samples()
    result = fit(
        stack, derivative_matching, data, optax.adam(1e-2), steps=30, key=jr.key(2), ensemble=2,
        batch_size=10, validation=data,
    )  # fmt: skip
    assert (result.best_value < result.history.validation[0]).all()
    best = unstack(result.best_model, int(np.argmin(result.best_value)))
    save_model(tmp_path / "best", best)
    again = load_model(tmp_path / "best", HNN)
    x0, ts = jnp.array([0.5, 0.0]), jnp.linspace(0.0, 1.0, 5)
    np.testing.assert_array_equal(best.predict(x0, ts), again.predict(x0, ts))


def test_trajectories_with_inputs():
    model = PortHamiltonianNetwork(2, 6, 1, input_dim=1, key=jr.key(0))
    loss = TrajectoryMatching(RungeKutta(diffrax.Heun()), substeps=2)
    trials = oscillator_trials(has_input=True)
    result = fit(model, loss, trials, optax.adam(1e-2), steps=20, key=jr.key(2), batch_size=2)
    assert result.history.loss[-6:].mean() < result.history.loss[:6].mean()


def test_free_initial_states_of_a_model():
    trials = oscillator_trials(has_input=False)
    model = FreeInitialStates(HNN(2, 6, 1, step=Tao(omega=10.0), key=jr.key(0)), trials.xs[:, 0])
    result = fit(
        model, TrajectoryMatching(model.model.step), index_trials(trials), optax.adam(1e-2),
        steps=20, key=jr.key(2), batch_size=2,
    )  # fmt: skip
    assert result.history.loss[-6:].mean() < result.history.loss[:6].mean()
    assert result.model.energy is result.model.model.energy
    assert result.model.structure == model.model.structure
    x0, ts = trials.xs[0, 0], jnp.linspace(0.0, 1.0, 3)
    np.testing.assert_array_equal(result.model.predict(x0, ts), result.model.model.predict(x0, ts))


def test_float32_end_to_end():
    model, data = (
        jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree)
        for tree in (
            HNN(2, 6, 1, step=Tao(omega=10.0), key=jr.key(0)),
            oscillator_trials(has_input=False),
        )
    )
    result = fit(
        model, TrajectoryMatching(model.step), data, optax.adam(1e-2), steps=2, key=jr.key(2)
    )
    kinds = {a.dtype for a in jax.tree.leaves(eqx.filter(result.model, eqx.is_inexact_array))}
    assert kinds == {jnp.dtype(jnp.float32)}


def test_a_step_that_the_field_does_not_suit_is_named():
    with pytest.raises(ValueError, match="drift|kick"):
        fit(
            HNN(2, 6, 1, key=jr.key(0)), TrajectoryMatching(yoshida4),
            oscillator_trials(has_input=False), optax.adam(1e-2), steps=2, key=jr.key(2),
        )  # fmt: skip


def test_an_implicit_step_that_fails_ends_the_training_with_the_last_good_model():
    """Long intervals and a rate that drives the learned field to where Newton's method fails."""
    rng = np.random.default_rng(1)
    ts = [np.sort(rng.uniform(0, 6, 6)) for _ in range(8)]
    xs = [np.stack([3 * np.cos(t + i), -3 * np.sin(t + i)], axis=1) for i, t in enumerate(ts)]
    data = Trajectories.from_trials(ts, xs, phase="momenta")
    model = HNN(2, 8, 2, key=jr.key(0))
    result = fit(
        model, TrajectoryMatching(None), data, optax.adam(0.3), steps=200, key=jr.key(1), chunk=50
    )
    assert result.status.value == "diverged"
    assert result.diverged
    assert 0 < result.step < 200
    assert np.isnan(result.history.loss[-1])
    leaves = jax.tree.leaves(eqx.filter(result.model, eqx.is_inexact_array))
    assert all(np.isfinite(leaf).all() for leaf in leaves)
