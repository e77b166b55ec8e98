"""Simulated data equals the closed form, noise touches the states only, failures are named."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from jaxtyping import Array

from dynnets.data import simulate
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField, symplectic_gradient
from dynnets.systems import AbstractSystem


class _Energy(AbstractEnergy):
    def __call__(self, t, x):
        return jnp.sum(x**2, axis=0) / 2


class _Field(AbstractField):
    """A forced oscillator; `power` > 1 makes it blow up in finite time."""

    power: int = 1

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x, args=None):
        force = symplectic_gradient(x**self.power)
        if args is None:
            return force
        u = args.evaluate(t) if hasattr(args, "evaluate") else args(t)
        return force + jnp.concatenate([jnp.zeros_like(u), u])


class _Oscillator(AbstractSystem):
    energy: AbstractEnergy
    field: AbstractField
    template: Array

    def __init__(self, template, power=1):
        self.energy, self.field, self.template = _Energy(), _Field(power), template

    @property
    def dim(self):
        return 2

    def sample(self, key):
        return jr.normal(key, (2,), self.template.dtype)


def _rotation(t, x0):
    c, s = np.cos(t), np.sin(t)
    return np.stack([c * x0[0] + s * x0[1], c * x0[1] - s * x0[0]], axis=-1)


@pytest.mark.parametrize("dtype, accuracy", [(np.float64, 1e-10), (np.float32, 2e-4)])
def test_matches_the_closed_form(getkey, dtype, accuracy):
    ts = np.sort(np.random.default_rng(0).uniform(0, 20, 20))
    data = simulate(_Oscillator(jnp.zeros(2, dtype)), getkey(), 2, ts)
    assert data.xs.shape == (2, 20, 2)
    assert data.xs.dtype == data.ts.dtype == data.dxs.dtype == dtype
    assert (data.names, data.phase) == (("q0", "p0"), "momenta")
    for trial in data:
        exact = _rotation(ts - ts[0], np.asarray(trial.xs[0], dtype=np.float64))
        np.testing.assert_allclose(trial.xs, exact, atol=accuracy)
        np.testing.assert_allclose(trial.dxs[:, 0], trial.xs[:, 1], atol=accuracy)


def test_noise_is_on_the_states_only(getkey):
    key = getkey()
    ts = np.linspace(0, 3, 20)
    system = _Oscillator(jnp.zeros(2))
    clean, noisy = simulate(system, key, 2, ts), simulate(system, key, 2, ts, noise=[0.1, 0.0])
    np.testing.assert_array_equal(clean.dxs, noisy.dxs)
    np.testing.assert_array_equal(clean.xs[..., 1], noisy.xs[..., 1])
    deviation = np.std(np.asarray(noisy.xs - clean.xs)[..., 0])
    assert deviation == pytest.approx(0.1, rel=0.35)  # 40 draws: three sigma are 34 %


def test_inputs_as_values_and_as_function(getkey):
    """A constant force shifts the centre: x(t) - (u, 0) rotates."""
    key, ts = getkey(), np.linspace(0, 5, 20)
    system = _Oscillator(jnp.zeros(2))
    values = simulate(system, key, 2, ts, inputs=np.full((20, 1), 0.7))
    function = simulate(system, key, 2, ts, inputs=lambda t: jnp.full((1,), 0.7, t.dtype))
    np.testing.assert_allclose(values.xs, function.xs, atol=1e-9)
    np.testing.assert_array_equal(values.us, function.us)
    assert values.input_names == ("u0",)
    start = np.asarray(values.xs[0, 0]) - [0.7, 0]
    np.testing.assert_allclose(values.xs[0], _rotation(ts, start) + [0.7, 0], atol=1e-9)


def test_one_time_axis_per_trial(getkey):
    ts = np.stack([np.linspace(0, 1, 20), np.linspace(2, 9, 20)])
    data = simulate(_Oscillator(jnp.zeros(2)), getkey(), 2, ts)
    np.testing.assert_array_equal(data.ts, ts)


def test_same_key_same_data(getkey):
    key, ts = getkey(), np.linspace(0, 1, 20)
    system = _Oscillator(jnp.zeros(2))
    first, second = (simulate(system, key, 2, ts, noise=0.1) for _ in range(2))
    assert eqx.tree_equal(first, second)


def test_bad_arguments(getkey):
    system, ts = _Oscillator(jnp.zeros(2)), np.linspace(0, 1, 5)
    for arguments, message in [
        ({"trials": 0}, "trials must be an integer of at least 1, got 0"),
        ({"ts": ts[::-1]}, "must strictly increase"),
        ({"ts": [0.0]}, "at least two times"),
        ({"ts": np.zeros((3, 5))}, r"ts must be \(T,\) or \(2, T\)"),
        ({"noise": -0.1}, "noise must be a deviation >= 0"),
        ({"noise": [0.1, 0.1, 0.1]}, "or 2 of them"),
        ({"inputs": np.zeros((4, 1))}, "inputs must be"),
        ({"inputs": np.full((5, 1), np.nan)}, "inputs must be finite"),
    ]:
        with pytest.raises(ValueError, match=message):
            simulate(**({"system": system, "key": getkey(), "trials": 2, "ts": ts} | arguments))


def test_a_failed_solve_names_its_trials():
    with pytest.raises(ValueError, match=r"the reference solve failed in trials \[0, 1\] of 2"):
        simulate(_Oscillator(jnp.zeros(2)), jr.key(0), 2, np.linspace(0, 100, 20), max_steps=10)


def test_the_set_is_a_pytree():
    """Arrays move through `jax.tree` with the names kept."""
    data = simulate(_Oscillator(jnp.zeros(2)), jr.key(0), 2, np.linspace(0, 1, 20))
    doubled = jax.tree.map(lambda a: 2 * a, data)
    assert doubled.names == data.names
