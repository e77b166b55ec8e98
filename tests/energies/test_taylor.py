"""Taylor energies: symmetric Jacobians, exact potentials, what they represent, Taylor steps."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import assert_close

from dynnets import energies as E, fields as F
from dynnets.integrators import forest_ruth


def _random(dim, key, **options):
    energy = E.TaylorEnergy(dim, 5, 4, key=key, **options)
    keys = jr.split(key, 3)
    parts = (energy.plus, energy.minus, energy.bias)
    fresh = [jr.normal(k, part.shape) / 2 for k, part in zip(keys, parts, strict=True)]
    return eqx.tree_at(lambda e: (e.plus, e.minus, e.bias), energy, tuple(fresh))


@pytest.mark.parametrize("dim", [1, 2, 6])
def test_the_network_is_the_gradient_of_its_potential(dim, getkey):
    energy, xs = _random(dim, getkey()), jr.normal(getkey(), (dim, 3)) / 2

    @jax.jit
    def both(xs):
        x = xs[:, 0]
        jacobian = jax.jacfwd(lambda y: energy.gradient(0.0, y))(x)
        return jacobian, jax.grad(lambda y: energy(0.0, y))(x), energy.gradient(0.0, xs)

    jacobian, gradient, batch = both(xs)
    scale = max(1.0, float(jnp.abs(jacobian).max()))
    assert float(jnp.abs(jacobian - jacobian.T).max()) <= 1e-13 * scale
    assert float(jnp.abs(gradient - batch[:, 0]).max()) <= 1e-12 * scale


@pytest.mark.parametrize("options", [{"factorial": "order - 1"}, {"activation": "relu"}])
def test_the_variants_are_gradients_too(options, getkey):
    energy, x = _random(2, getkey(), **options), jr.normal(getkey(), (2,))
    assert_close(jax.grad(lambda y: energy(0.0, y))(x), energy.gradient(0.0, x), 100)


def test_the_two_factorials_differ_by_the_order(getkey):
    key = getkey()
    energy, shifted = _random(1, key), _random(1, key, factorial="order - 1")
    order = jnp.arange(1.0, 6.0)
    scale = order ** (1 / (order + 1))
    parts = [part * scale[:, None, None] for part in (energy.plus, energy.minus)]
    larger = eqx.tree_at(lambda e: (e.plus, e.minus), energy, tuple(parts))
    x = jnp.array([0.7])
    assert_close(shifted.gradient(0.0, x), larger.gradient(0.0, x), 10)


def _series(signs):
    """Of each order one row, one or minus one of its power, width 1."""
    energy = E.TaylorEnergy(1, len(signs), 1, key=jr.key(0))
    plus = jnp.array([[[float(s > 0)]] for s in signs])
    minus = jnp.array([[[float(s < 0)]] for s in signs])
    return eqx.tree_at(lambda e: (e.plus, e.minus), energy, (plus, minus))


def test_sine_and_exponential_to_the_truncation_error():
    x = jnp.array([1.2])
    bound = 1.2**10 / math.factorial(10)
    sine = _series([1, 0, -1, 0, 1, 0, -1, 0, 1])
    assert abs(float(sine.gradient(0.0, x)[0]) - math.sin(1.2)) <= bound
    growth = eqx.tree_at(lambda e: e.bias, _series([1] * 9), jnp.ones(1))
    error = abs(float(growth.gradient(0.0, x)[0]) - math.exp(1.2))
    assert bound / 2 <= error <= 2 * bound  # the remainder itself, not round-off


def test_order_one_is_a_linear_system_with_the_matrix_of_its_step(getkey):
    weights = [E.TaylorEnergy(2, 1, 3, key=getkey()) for _ in range(2)]
    parts = [eqx.tree_at(lambda e: e.minus, e, jnp.zeros_like(e.minus)) for e in weights]
    mass, stiffness = (np.asarray(e.plus[0].T @ e.plus[0]) for e in parts)
    one, zero, h = np.eye(2), np.zeros((2, 2)), 0.3
    matrix = np.eye(4)
    for i, c in enumerate(forest_ruth.coefficients):
        drift = np.block([[one, c * h * mass], [zero, one]])
        kick = np.block([[one, zero], [-c * h * stiffness, one]])
        matrix = (kick if i % 2 else drift) @ matrix
    x = jr.normal(getkey(), (4,))
    stepped = forest_ruth(F.SeparableHamiltonianField(*parts), 0.0, x, h)
    assert_close(stepped, jnp.asarray(matrix) @ x)


def test_refusals():
    for options in ({"orders": 0}, {"width": 0}, {"factorial": "i!"}, {"activation": "tanh"}):
        with pytest.raises(ValueError, match=next(iter(options))):
            E.TaylorEnergy(1, key=jr.key(0), **options)
