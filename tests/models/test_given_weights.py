"""Weights, coefficients and potentials that are given instead of drawn, and the cast of a model."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets import energies as E, fields as F, models as M
from dynnets.integrators import explicit_euler
from dynnets.networks import (
    FixedStepSize,
    FlowNetwork,
    SympNet,
    join_layers,
    layer_of,
    repeat_layer,
    sympnet_g,
)
from dynnets.nn import MLP

KEY = jr.key(0)
X = jnp.array([0.3, -0.7])


def _again():
    """Each drawn module, and the one that its weights make."""
    net = MLP(2, 3, 4, 2, activation="sin", key=KEY)
    energy, taylor = E.MLPEnergy(2, 4, 1, key=KEY), E.TaylorEnergy(2, 3, 4, key=KEY)
    potential, neural = E.TimePotential(2, 4, 1, key=KEY), F.NeuralField(2, 4, 1, key=KEY)
    ridge, up = F.NonExpansiveField(2, 5, key=KEY), F.ExpansiveField(2, 5, key=KEY)
    skew, shear = F.AntisymmetricField(2, damping=0.1, key=KEY), F.ShearField(1, 1, 4, key=KEY)
    return {
        "MLP": (net, MLP.from_weights(net.layers, activation="sin")),
        "MLPEnergy": (energy, E.MLPEnergy.from_weights(energy.net.layers)),
        "TaylorEnergy": (taylor, E.TaylorEnergy.from_weights(taylor.plus, taylor.minus)),
        "TimePotential": (potential, E.TimePotential.from_weights(potential.net.layers)),
        "NeuralField": (neural, F.NeuralField.from_weights(neural.net.layers)),
        "NonExpansiveField": (
            ridge,
            F.NonExpansiveField.from_weights(ridge.energy.weight, ridge.energy.bias),
        ),
        "ExpansiveField": (up, F.ExpansiveField.from_weights(up.ridge.weight, up.ridge.bias)),
        "AntisymmetricField": (
            skew,
            F.AntisymmetricField.from_weights(skew.weight, skew.bias, damping=0.1),
        ),
        "ShearField": (shear, F.ShearField.from_weights(shear.inner, shear.biases, shear.outer)),
    }


@pytest.mark.parametrize("name", _again())
def test_given_weights_make_the_module_that_holds_them(name):
    drawn, given = _again()[name]
    assert type(drawn) is type(given)
    assert bool(eqx.tree_equal(drawn, given))


def test_a_given_polynomial_is_that_polynomial():
    """`x + x^2 / 2` from Taylor coefficients: the gradient `b + A^T f(A x)` is `1 + x`."""
    energy = E.TaylorEnergy.from_weights(jnp.ones((1, 1, 1)), jnp.zeros((1, 1, 1)), jnp.ones(1))
    np.testing.assert_allclose(energy.gradient(0.0, jnp.array([0.7])), [1.7], rtol=1e-14)
    model = M.TaylorNet(2, kinetic=energy, potential=energy)
    np.testing.assert_allclose(model.field(0.0, X), [1 - 0.7, -1.3], rtol=1e-14)


BAD = [
    (lambda: MLP.from_weights([]), "at least one layer"),
    (lambda: MLP.from_weights([(jnp.ones((3, 2)), None), (jnp.ones((1, 4)), None)]), "layer 1.*3"),
    (lambda: MLP.from_weights([(jnp.ones((3, 2)), jnp.ones(2))]), r"bias of layer 0.*\(3,\)"),
    (lambda: MLP.from_weights([(jnp.full((3, 2), jnp.nan), None)]), "layer 0 must be finite"),
    (lambda: MLP.from_weights([(jnp.ones((3, 2)), None)], activation="relu"), "activation.*relu"),
    (lambda: E.MLPEnergy.from_weights([(jnp.ones((3, 2)), None)]), "one output, got 3"),
    (lambda: F.NeuralField.from_weights([(jnp.ones((3, 2)), None)]), "got 2 to 3"),
    (lambda: E.TaylorEnergy.from_weights(jnp.ones((1, 2)), jnp.ones((1, 2))), "orders, width"),
    (lambda: F.NonExpansiveField.from_weights(jnp.ones((3, 2)), jnp.ones(2)), r"\(width,\)"),
    (lambda: F.AntisymmetricField.from_weights(jnp.ones((3, 2)), jnp.ones(3)), r"\(d, d\)"),
    (
        lambda: F.ShearField.from_weights(
            (jnp.ones((4, 1)),) * 2, (jnp.ones(4),) * 2, (jnp.ones((3, 1)),) * 2
        ),
        "do not fit",
    ),
    (lambda: join_layers([]), "at least one layer"),
    (
        lambda: join_layers([E.KineticEnergy(jnp.ones(1)), E.KineticEnergy(jnp.ones(2))]),
        "layer 1 differs",
    ),
    (lambda: M.SympFlow.from_potentials([]), "at least one pair"),
]


@pytest.mark.parametrize(("make", "message"), BAD)
def test_weights_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_given_layers_make_networks():
    drawn = sympnet_g(2, 3, 4, key=KEY)
    joined = SympNet(2, join_layers([layer_of(drawn.layers, i) for i in range(3)]))
    assert bool(eqx.tree_equal(drawn, joined))
    shrink = [F.NonExpansiveField.from_weights(c * jnp.eye(2), jnp.zeros(2)) for c in (0.5, 1.0)]
    sizes = repeat_layer(FixedStepSize(0.1), 2)
    net = FlowNetwork((join_layers(shrink),), (explicit_euler,), (sizes,))
    inner = X - 0.1 * 0.5 * jnp.tanh(0.5 * X)
    np.testing.assert_allclose(net(X), inner - 0.1 * jnp.tanh(inner), rtol=1e-14)


def test_given_potentials_make_a_flow():
    drawn = M.SympFlow(2, 4, 2, key=KEY)
    pairs = [layer_of(drawn.potentials, i) for i in range(2)]
    pairs = [(layer_of(pair, 0), layer_of(pair, 1)) for pair in pairs]
    assert bool(eqx.tree_equal(drawn, M.SympFlow.from_potentials(pairs)))


class _Mixed(eqx.Module):
    real: jax.Array
    double: np.ndarray
    pair: jax.Array
    count: jax.Array
    key: jax.Array
    rate: float
    name: str = eqx.field(static=True)


def test_cast_changes_the_precision_of_floating_arrays_alone():
    mixed = _Mixed(
        jnp.ones(2), np.ones(2), jnp.array([1j, 2.0]), jnp.arange(2), jr.key(0), 0.1, "name"
    )
    low = M.cast(mixed, jnp.float32)
    assert [low.real.dtype, low.double.dtype, low.pair.dtype] == ["float32", "float32", "complex64"]
    assert isinstance(low.double, np.ndarray)
    assert low.count.dtype == mixed.count.dtype
    assert low.key.dtype == mixed.key.dtype
    assert (low.rate, low.name) == (0.1, "name")
    back = M.cast(low, jnp.float64)
    assert [back.real.dtype, back.pair.dtype] == ["float64", "complex128"]
    model = M.HNN(2, 4, 1, key=KEY)
    forecast = M.cast(model, jnp.float32).predict(X.astype(jnp.float32), (0.1, 3))
    assert forecast.dtype == jnp.float32
    np.testing.assert_allclose(forecast, model.predict(X, (0.1, 3)), rtol=1e-5)
    for dtype in (jnp.int32, jnp.complex64):
        with pytest.raises(ValueError, match="real floating-point"):
            M.cast(model, dtype)
    with pytest.raises(ValueError, match="no complex numbers.*float16"):
        M.cast(mixed, jnp.float16)
