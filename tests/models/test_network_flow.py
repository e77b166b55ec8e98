"""Maps of a step as models: compositions, and parameters from outside."""

import jax.numpy as jnp
import jax.random as jr
import pytest
from helpers import assert_close

from dynnets.losses import FlowSamples, flow_matching
from dynnets.models import NetworkFlow
from dynnets.networks import sympnet_g, sympnet_la
from dynnets.training import load_model, save_model

X = jnp.array([0.4, -0.7])


def test_forecasts_compose_the_map():
    net = sympnet_la(2, 3, scale=0.5, key=jr.key(0))
    model = NetworkFlow(net, 0.1)
    xs = model.predict(X, jnp.array([1.0, 1.1, 1.2, 1.25]))
    once = net(0.1, X)
    twice = net(0.1, once)
    expected = jnp.stack([X, once, twice, net(0.05, twice)])
    assert_close(xs, expected, 10.0)
    assert_close(model.inverse(0.1, model(0.1, X)), X)
    assert model.structure == net.structure and model.energy is None


def test_parameters_of_the_model_and_of_the_forecast(tmp_path):
    net = sympnet_g(2, 2, 4, parameters=1, scale=1.0, key=jr.key(0))
    model = NetworkFlow(net, 0.1, parameters=jnp.array([0.3]))
    ts = jnp.linspace(0.0, 0.3, 4)
    own, other = model.predict(X, ts), model.predict(X, ts, jnp.array([1.5]))
    assert_close(own[1], net(0.1, X, jnp.array([0.3])))
    assert float(jnp.abs(own - other).max()) > 1e-4
    assert_close(model.inverse(0.2, model(0.2, X)), X)
    save_model(tmp_path / "net.dyn", model)
    assert bool((load_model(tmp_path / "net.dyn").predict(X, ts) == own).all())


def test_the_loss_of_flows_trains_them():
    model = NetworkFlow(sympnet_la(2, 2, key=jr.key(0)), 0.1)
    x0 = jr.normal(jr.key(1), (5, 2))
    batch = FlowSamples(jnp.full(5, 0.1), x0, x0)
    expected = jnp.mean((model(0.1, x0.T) - x0.T) ** 2)
    assert_close(flow_matching(model, batch), expected)


def test_a_step_that_is_not_positive():
    with pytest.raises(ValueError, match="dt must be positive and finite, got 0"):
        NetworkFlow(sympnet_la(2, key=jr.key(0)), 0)
