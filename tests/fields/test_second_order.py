"""The second-order neural field and inputs on uniform grids."""

import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from dynnets.fields import SecondOrderField, UniformInput


def test_coordinates_change_by_their_velocities(getkey):
    field = SecondOrderField(2, 8, 2, angles=(1,), input_dim=1, key=getkey())
    x, u = jr.normal(getkey(), (4,)), jnp.ones(1)
    assert (field(0.0, x, u)[:2] == x[2:]).all()
    turned = x + jnp.array([0.0, 2 * jnp.pi, 0.0, 0.0])
    assert jnp.abs(field(0.0, turned, u) - field(0.0, x, u)).max() < 1e-12
    xs = jnp.stack([x, 2 * x], axis=1)
    each = jax.vmap(lambda y: field(0.0, y, u), in_axes=-1, out_axes=-1)(xs)
    assert jnp.abs(field(0.0, xs, u) - each).max() < 1e-12
    with pytest.raises(ValueError, match="takes 1 inputs"):
        field(0.0, x)
    with pytest.raises(ValueError, match="\\(0, 0\\)"):
        SecondOrderField(2, 8, 2, angles=(0, 0), key=getkey())


@pytest.mark.parametrize("batch", [(), (3,)])
def test_uniform_input_is_piecewise_linear(batch, getkey):
    values = jr.normal(getkey(), (5, 2, *batch))
    u = UniformInput(values, 0.5)
    assert u(0.0).shape == (2, *batch)
    assert jnp.abs(u(1.0) - values[2]).max() < 1e-12
    assert jnp.abs(u(1.25) - (values[2] + values[3]) / 2).max() < 1e-12
    assert jnp.abs(u(2.5) - (2 * values[4] - values[3])).max() < 1e-12


def test_uniform_input_names_bad_arguments():
    with pytest.raises(ValueError, match="\\(1, 2\\)"):
        UniformInput(jnp.zeros((1, 2)), 0.1)
    with pytest.raises(ValueError, match="got 0"):
        UniformInput(jnp.zeros((3, 2)), 0.0)
