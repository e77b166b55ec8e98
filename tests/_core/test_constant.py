"""Constant arrays of a module are never trained, by any optimiser."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from dynnets.data import Samples
from dynnets.fields import constant_field
from dynnets.losses import derivative_matching
from dynnets.models import HNN
from dynnets.training import fit, trainable


class _Pair(eqx.Module):
    learned: jax.Array
    given: jax.Array = constant_field()


def test_trainable_marks_every_array_outside_constant_fields():
    tree = {"a": [_Pair(jnp.ones(2), jnp.ones(3))], "b": (jnp.arange(3), jnp.ones(1), "text")}
    mask = trainable(tree)
    assert mask["a"][0].learned is True
    assert mask["a"][0].given is False
    assert mask["b"] == (False, True, False)


def test_weight_decay_leaves_a_poisson_matrix_alone():
    matrix = jnp.array([[0.0, 1.0, -0.4], [-1.0, 0.0, 0.7], [0.4, -0.7, 0.0]])
    model = HNN(3, 8, 1, matrix=matrix, key=jr.key(0))
    model = jax.tree.map(
        lambda leaf: leaf.astype(matrix.dtype) if eqx.is_inexact_array(leaf) else leaf, model
    )
    x = jr.normal(jr.key(1), (16, 3))
    data = Samples(jnp.zeros(16), x, x @ matrix.T)
    optimiser = optax.adamw(1e-2, weight_decay=0.1)
    fitted = fit(model, derivative_matching, data, optimiser, steps=5, key=jr.key(2)).model
    assert jnp.array_equal(fitted.matrix, matrix)
    assert not jnp.array_equal(
        fitted.hamiltonian.net.layers[0][0], model.hamiltonian.net.layers[0][0]
    )
