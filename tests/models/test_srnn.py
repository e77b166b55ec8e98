"""Symplectic recurrent networks: structure for arbitrary weights, gradients, known parts."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import assert_close

from dynnets.analysis import observed_order
from dynnets.data import AbstractBatch
from dynnets.energies import KineticEnergy, KnownEnergy
from dynnets.fields import AbstractField, NeuralField
from dynnets.integrators import Reversible, explicit_euler, rollout, verlet_kdk, yoshida4
from dynnets.losses import TrajectoryMatching
from dynnets.models import SRNN, AbstractModel, FieldModel
from dynnets.structure import SYMPLECTIC, symplecticity_defect
from dynnets.systems import Harmonic
from dynnets.training import fit

H = 0.3


class Batch(AbstractBatch):
    ts: jax.Array
    xs: jax.Array
    mask: jax.Array
    us: None = None


@pytest.fixture(scope="module")
def model():
    """Large weights, so that nothing is nearly linear."""
    made = SRNN(6, 16, 2, key=jr.key(0))
    return jax.tree.map(lambda a: 1.5 * a if eqx.is_inexact_array(a) else a, made)


def batch(count=4, times=6):
    xs = jr.normal(jr.key(2), (count, times, 6))
    ts = jnp.tile(H * jnp.linspace(0.0, times - 1.0, times)[None], (count, 1))
    return Batch(ts, xs, jnp.ones((count, times), bool))


def test_a_leapfrog_step_is_symplectic_and_symmetric_and_an_euler_step_is_not(model):
    @jax.jit
    def measure(x):
        step = lambda y, h=H: verlet_kdk(model.field, 0.0, y, h)  # noqa: E731
        euler = lambda y: explicit_euler(model.field, 0.0, y, H)  # noqa: E731
        back = jnp.abs(step(step(x), -H) - x).max()
        return symplecticity_defect(step, x), symplecticity_defect(euler, x), back

    leapfrog, euler, back = measure(jr.normal(jr.key(1), (6,)))
    assert leapfrog <= 1e-12 and back <= 1e-13
    assert euler > 1e-3
    assert SYMPLECTIC in model.structure
    assert SYMPLECTIC not in FieldModel(model.field, explicit_euler).structure


@pytest.mark.parametrize(("step", "order", "slack"), [(verlet_kdk, 2, 0.02), (yoshida4, 4, 0.1)])
def test_order_of_the_unroll(model, step, order, slack):
    x0 = jr.normal(jr.key(3), (6,))
    measured = observed_order(step, model.field, x0, 0.5, steps=40, levels=3)
    assert abs(float(measured) - order) <= slack


def test_leapfrog_keeps_the_modified_energy_of_the_oscillator():
    unroll = jax.jit(lambda x: rollout(verlet_kdk, Harmonic().field, x, (H, 1000)).xs)
    xs = unroll(jnp.array([1.0, 0.4]))
    modified = xs[:, 1] ** 2 / 2 + xs[:, 0] ** 2 / 2 * (1 - H**2 / 4)
    assert float(jnp.abs(modified / modified[0] - 1).max()) <= 1e-13


def test_gradient_through_the_unroll(model):
    """Against differences, and the reversible pass in constant memory against the stored one."""
    data = batch()
    params, static = eqx.partition(model, eqx.is_inexact_array)
    direction = jax.tree.map(lambda a: jr.normal(jr.key(5), a.shape), params)

    @jax.jit
    def measure(params):
        def loss(adjoint, p):
            match = TrajectoryMatching(None, substeps=2, shared_times=True, adjoint=adjoint)
            return match(eqx.combine(p, static), data, key=jr.key(0))

        stored, back = (jax.grad(lambda p: loss(a, p))(params) for a in (None, Reversible()))  # noqa: B023
        moved = lambda e: loss(None, jax.tree.map(lambda a, d: a + e * d, params, direction))  # noqa: E731
        return stored, back, (moved(1e-5) - moved(-1e-5)) / 2e-5

    stored, reversible, slope = measure(params)
    pairs = zip(jax.tree.leaves(stored), jax.tree.leaves(reversible), strict=True)
    assert max(float(jnp.abs(a - b).max()) for a, b in pairs) <= 1e-10
    pairs = zip(jax.tree.leaves(stored), jax.tree.leaves(direction), strict=True)
    along = sum(float(jnp.sum(g * d)) for g, d in pairs)
    assert abs(float(slope) - along) <= 1e-6 * abs(along)


def test_only_the_potential_is_learned_beside_a_known_kinetic_energy():
    mass = jnp.array([1.0, 2.0, 0.5])
    model = SRNN(6, 8, kinetic=KnownEnergy(KineticEnergy(mass)), step=yoshida4, key=jr.key(0))
    run = fit(model, TrajectoryMatching(None), batch(), optax.adam(1e-2), steps=3, key=jr.key(1))
    assert np.array_equal(run.model.kinetic.energy.mass, model.kinetic.energy.mass)
    moved = run.model.potential.net.layers[0][0] - model.potential.net.layers[0][0]
    assert float(jnp.abs(moved).max()) > 1e-3
    p = jnp.array([1.0, 1.0, 1.0])
    assert_close(run.model.field.drift(0.0, p), 1 / mass)
    assert run.model.energy.autonomous
    assert float(run.model.energy.kinetic(0.0, p)) == pytest.approx(1.75)


def test_a_forecast_is_the_unroll_of_its_own_step(model):
    ts = H * jnp.linspace(0.0, 4.0, 5)
    x0 = jnp.ones(6)
    unroll = jax.jit(lambda x: rollout(verlet_kdk, model.field, x, ts).xs)
    assert_close(model.predict(x0, ts), unroll(x0))


def test_what_does_not_fit_is_refused(model):
    with pytest.raises(ValueError, match="even"):
        SRNN(5, key=jr.key(0))
    with pytest.raises(ValueError, match="has no step of its own"):
        TrajectoryMatching(None)(_Bare(model.field), batch(), key=jr.key(0))
    with pytest.raises(ValueError, match="kick"):
        FieldModel(NeuralField(6, 4, 1, key=jr.key(0)), verlet_kdk)


class _Bare(AbstractModel):
    field: AbstractField

    @property
    def structure(self):
        return frozenset()

    def predict(self, x0, ts, args=None):
        return rollout(verlet_kdk, self.field, x0, ts, args).xs
