"""The mechanical port-Hamiltonian model: guarantees, forecasts, options."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import pytest

from dynnets.data import Samples
from dynnets.energies import AbstractMass, FunctionEnergy
from dynnets.fields import AbstractDamping, MassMatrixField
from dynnets.losses import derivative_matching
from dynnets.models import MechanicalPortHamiltonian, energy_rate
from dynnets.structure import DISSIPATIVE, ENERGY
from dynnets.systems import DoublePendulum
from dynnets.training import load_model, save_model


def make(getkey, **options):
    return MechanicalPortHamiltonian(4, 8, 2, key=getkey(), **options)


@pytest.mark.parametrize("options", [{}, {"angles": (0, 1)}, {"mass": "constant"},
                                     {"damping": "coordinates"}])  # fmt: skip
def test_energy_never_grows_without_input(options, getkey):
    model = make(getkey, **options)
    states = 3 * jr.normal(getkey(), (4, 50))
    rate = energy_rate(model, 0.0, states)
    assert rate.max() <= 1e-12
    assert rate.min() < 0
    assert DISSIPATIVE in model.field.structure


def test_without_damping_the_energy_is_kept(getkey):
    model = make(getkey, damping="none", angles=(0, 1), substeps=4)
    assert ENERGY in model.field.structure
    states = model.predict(jr.normal(getkey(), (4,)), jnp.linspace(0.0, 2.0, 41))
    energy = model.energy(0.0, states.T)
    assert jnp.ptp(energy) < 1e-7


def test_forecast_is_periodic_in_the_angles(getkey):
    model, ts = make(getkey, angles=(1,)), jnp.linspace(0.0, 1.0, 11)
    x0, turn = jr.normal(getkey(), (4,)), jnp.array([0.0, 2 * jnp.pi, 0.0, 0.0])
    moved = model.predict(x0 + turn, ts) - model.predict(x0, ts)
    assert jnp.abs(moved - turn[None]).max() < 1e-10


class _PendulumMass(AbstractMass):
    """The true mass matrix of the double pendulum."""

    def factor(self, q):
        """Rows of its Cholesky factor."""
        columns = [DoublePendulum().momenta(q, e) for e in jnp.eye(2)]
        root = jnp.linalg.cholesky(jnp.stack(columns))
        return [[root[i, j] for j in range(i + 1)] for i in range(2)]


def test_the_double_pendulum_is_in_the_class(getkey):
    truth = DoublePendulum()
    q, v = jr.normal(getkey(), (2,)), jr.normal(getkey(), (2,))
    height = FunctionEnergy(lambda t, y: truth.energy(t, jnp.concatenate([y, jnp.zeros(2)])))
    ours = MassMatrixField(_PendulumMass(), height)(0.0, jnp.concatenate([q, v]))
    p = truth.momenta(q, v)
    rate = truth.field(0.0, jnp.concatenate([q, p]))
    acceleration = jax.jvp(truth.velocities, (q, p), (rate[:2], rate[2:]))[1]
    assert jnp.abs(ours - jnp.concatenate([v, acceleration])).max() < 1e-10


def test_losses_inputs_and_files(getkey, tmp_path):
    model = make(getkey, input_dim=1)
    batch = Samples(
        jnp.zeros(6), jr.normal(getkey(), (6, 4)), jr.normal(getkey(), (6, 4)), jnp.ones((6, 1))
    )
    slope = eqx.filter_grad(derivative_matching)(model, batch)
    leaves = jax.tree.leaves(eqx.filter(slope, eqx.is_array))
    assert all(jnp.isfinite(leaf).all() for leaf in leaves)
    save_model(tmp_path / "model", model)
    again = load_model(tmp_path / "model")
    ts, x0 = jnp.linspace(0.0, 1.0, 5), jnp.ones(4)
    us = jnp.sin(ts)[:, None]
    assert (again.predict(x0, ts, us) == model.predict(x0, ts, us)).all()
    assert again.momenta(x0).shape == (2,)
    assert isinstance(again.damping, AbstractDamping)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"angles": (2,)}, "got the angles \\(2,\\)"),
        ({"mass": "unit"}, "unit"),
        ({"damping": "dry"}, "dry"),
        ({"initial": -1.0}, "-1.0"),
    ],
)
def test_bad_options_are_named(options, message, getkey):
    with pytest.raises(ValueError, match=message):
        make(getkey, **options)
    with pytest.raises(ValueError, match="3"):
        MechanicalPortHamiltonian(3, key=getkey())
