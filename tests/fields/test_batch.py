"""Any field on a batch: the shapes alone never decide what is a batch."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers import assert_close

from dynnets.analysis import certify
from dynnets.energies import QuadraticEnergy
from dynnets.fields import AbstractField, NeuralField, batched_field
from dynnets.integrators import explicit_euler
from dynnets.models import FieldModel, energy_rate

TURN = np.array([[0.0, 1.0, 0.3], [-1.0, 0.0, 0.2], [-0.3, -0.2, 0.0]])


class OneState(AbstractField):
    """`x' = x S |x|`: a batch `(3, N)` is an error, and one of three states a wrong number."""

    @property
    def structure(self):
        """Nothing."""
        return frozenset()

    @property
    def energy(self):
        """`|x|^2 / 2`."""
        return QuadraticEnergy(jnp.eye(3))

    def __call__(self, t, x, args=None):
        """The turn."""
        return x @ jnp.asarray(TURN, x.dtype) * jnp.sqrt(jnp.sum(x**2))


class Driven(AbstractField):
    """`x' = u(t) x`, features-first."""

    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """Nothing."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """The product."""
        return args(t) * x


def loop(field, xs):
    return np.stack([field(0.0, x) for x in xs])


@pytest.mark.parametrize("count", [2, 3])
def test_a_field_of_one_state_is_never_given_a_batch(count):
    """Three states of three components look like one batch and like one matrix."""
    xs = jr.normal(jr.key(0), (count, 3))
    field = OneState()
    expected = loop(field, xs)
    assert_close(batched_field(field, 0.0, xs.T), jnp.asarray(expected.T))
    assert_close(batched_field(field.__call__, jnp.zeros(count), xs.T), jnp.asarray(expected.T))
    power = energy_rate(FieldModel(field, explicit_euler), 0.0, xs.T)
    np.testing.assert_allclose(power, np.sum(xs * expected, axis=1), atol=1e-13)
    found = certify(FieldModel(field, explicit_euler), states=xs, h=0.1, steps=2)
    (line,) = [line for line in found.lines if line.name == "DISSIPATIVE"]
    # the field is orthogonal to the state, one state at a time
    assert abs(line.value) <= 1e-13
    (volume,) = [line for line in found.lines if line.name == "VOLUME"]
    jacobians = [jax.jacfwd(lambda y: y + 0.1 * field(0.0, y))(x) for x in xs]
    worst = max(abs(abs(np.linalg.det(d)) - 1) for d in jacobians)
    assert volume.value == pytest.approx(worst, rel=1e-9)


def test_inputs_come_as_one_for_all_or_one_a_column():
    field, xs = NeuralField(2, 4, 1, input_dim=1, key=jr.key(0)), jr.normal(jr.key(1), (2, 2))
    shared = batched_field(field, 0.0, xs.T, jnp.array([0.4]))
    own = batched_field(field, 0.0, xs.T, jnp.array([[0.4, 0.4]]))
    assert_close(shared, own)
    one = eqx.tree_at(lambda f: f.net, field, field.net)
    assert_close(shared[:, 1], one(0.0, xs[1], jnp.array([0.4])))


def test_a_function_of_time_is_asked_one_time_at_a_time():
    ts, xs = jnp.array([0.0, 2.0]), jnp.ones((3, 2))
    rates = batched_field(Driven(), ts, xs, lambda t: jnp.where(t > 1, t, 0.5) * jnp.ones(3))
    assert_close(rates, jnp.array([[0.5, 2.0]] * 3))
