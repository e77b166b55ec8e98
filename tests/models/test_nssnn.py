"""NSSNN: two copies of the state, a loss on both, and vortices of a learned law."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax
import pytest
from helpers import assert_close
from registry import cast

from dynnets.data import Trajectories
from dynnets.energies import AbstractPairLaw, DistanceLaw, FunctionEnergy
from dynnets.fields import CirculationField
from dynnets.integrators import rollout
from dynnets.losses import CopyMatching
from dynnets.models import NSSNN, NeuralODE
from dynnets.structure import REVERSIBLE, VOLUME, structure_of, symplecticity_defect
from dynnets.systems import NonseparableOscillator, PointVortices
from dynnets.training import fit, load_model, save_model

SYSTEM = NonseparableOscillator()
START = jnp.array([0.0, -3.0])


def true_model(omega, substeps=1, order=2):
    return NSSNN(
        2, learned=SYSTEM.energy, omega=omega, substeps=substeps, order=order, key=jr.key(0)
    )


@eqx.filter_jit
def final(model, ts):
    return model.copies(START, ts)[0][-1]


@pytest.mark.parametrize("omega", [1.0, 20.0])
def test_order_two_towards_the_exact_solution(omega):
    end = SYSTEM.solution(1.0, START)
    assert_close(end, jnp.array([-2.5472184, 0.5791483]), 1e5)  # seven digits are known
    errors = []
    for n in (100, 200, 400):
        error = final(true_model(omega), (1.0 / n, n)) - end
        errors.append(float(jnp.abs(error).max()))
    slopes = [jnp.log2(a / b) for a, b in zip(errors, errors[1:], strict=False)]
    assert all(abs(s - 2) < 0.1 for s in slopes)
    fourth = final(true_model(omega, order=4), (1.0 / 400, 400))
    assert float(jnp.abs(fourth - end).max()) < errors[-1] / 50


def test_the_energy_is_kept_and_the_copies_stay_together():
    model = true_model(10.0)
    ts = jnp.linspace(0.0, 50.0, 5001)
    first, second = eqx.filter_jit(lambda m, ts: m.copies(START, ts))(model, ts)
    assert jnp.abs(SYSTEM.energy(0.0, first.T) - 5).max() < 4e-3
    assert jnp.sum((first - second) ** 2, axis=1).max() < 5e-6
    assert_close(model.predict(START, ts), (first + second) / 2)


def test_the_pair_is_symplectic_and_one_copy_claims_nothing():
    model = NSSNN(2, 8, 2, omega=5.0, key=jr.key(0))
    step, field = model.pair
    pair = jr.normal(jr.key(1), (4,))
    assert symplecticity_defect(lambda x: step(field, 0.0, x, 0.1), pair) < 1e-12
    assert model.structure == frozenset()
    ts, x = jnp.linspace(0.0, 0.3, 4), jr.normal(jr.key(2), (2, 3))
    assert_close(model.predict(x, ts)[:, :, 1], model.predict(x[:, 1], ts), 10.0)


def test_a_quadratic_energy_is_followed_to_third_order_per_step():
    model = NSSNN(
        2, learned=FunctionEnergy(lambda t, x: jnp.sum(x**2) / 2), omega=3.0, key=jr.key(0)
    )
    errors = []
    for h in (0.1, 0.05):
        first, _ = model.copies(START, (h, 1))
        turn = jnp.array([[jnp.cos(h), jnp.sin(h)], [-jnp.sin(h), jnp.cos(h)]])
        errors.append(float(jnp.abs(first[-1] - turn @ START).max()))
    assert 7.0 < errors[0] / errors[1] < 9.0


def pairs_of(model_system, starts, h):
    ends = jax.vmap(lambda x: model_system.solution(h, x))(starts)
    n = starts.shape[0]
    return Trajectories(
        jnp.broadcast_to(jnp.array([0.0, h]), (n, 2)),
        jnp.stack([starts, ends], axis=1),
        None,
        None,
        jnp.full((n,), 2),
        ("q", "p"),
    )


DATA = pairs_of(SYSTEM, jr.uniform(jr.key(3), (32, 2), minval=-2.0, maxval=2.0), 0.05)


def test_the_loss_draws_both_copies_to_the_data():
    model = NSSNN(2, 8, 2, key=jr.key(0))
    copies = jnp.stack(model.copies(DATA.xs[:, 0].T, DATA.ts[0]))[:, 1]
    residual = copies - DATA.xs[:, 1].T[None]
    squared = CopyMatching(shared_times=True)(model, DATA)
    assert_close(squared, jnp.mean((residual / 0.05) ** 2), 100.0)
    assert_close(CopyMatching()(model, DATA), squared, 100.0)
    absolute = CopyMatching("absolute", shared_times=True)(model, DATA)
    assert_close(absolute, jnp.sum(jnp.abs(residual)) / 32, 100.0)


def test_it_learns_from_pairs_in_single_precision(tmp_path):
    model = cast(NSSNN(2, 8, 2, key=jr.key(0)), jnp.float32)
    data, loss = cast(DATA, jnp.float32), CopyMatching(shared_times=True)
    run = fit(model, loss, data, optax.adam(1e-2), steps=200, key=jr.key(1))
    assert run.history.loss[-1] < run.history.loss[0] / 20
    x0 = jnp.array([0.5, 0.5], jnp.float32)
    xs = run.model.predict(x0, jnp.linspace(0.0, 0.2, 5, dtype=jnp.float32))
    assert xs.dtype == jnp.float32 and bool(jnp.isfinite(xs).all())
    save_model(tmp_path / "m.dyn", run.model)
    again = load_model(tmp_path / "m.dyn").predict(x0, jnp.linspace(0.0, 0.2, 5, dtype=jnp.float32))
    assert bool((again == xs).all())


class Logarithm(AbstractPairLaw):
    """The law of point vortices."""

    def __call__(self, r):
        return -jnp.log(r) / (2 * jnp.pi)

    def slope(self, r):
        return -1 / (2 * jnp.pi * r)


def test_vortices_with_their_law_are_point_vortices():
    G = jnp.array([1.0, -0.5, 0.8])
    system = PointVortices(tuple(G.tolist()))
    field, x = CirculationField(Logarithm()), jnp.array([0.0, 1.0, -1.0, 0.5, -1.0, 2.0])
    assert_close(field(0.0, x, G), system.field(0.0, x))
    energy = field.energy_of(G)
    assert_close(energy(0.0, x), system.energy(0.0, x))
    assert_close(energy.gradient(0.0, x), jax.grad(energy, argnums=1)(0.0, x), 10.0)
    batch = field(0.0, jnp.stack([x, 2 * x], axis=1), jnp.stack([G, G], axis=1))
    assert_close(batch[:, 0], field(0.0, x, G))


def test_any_law_keeps_both_impulses_and_serves_any_number_of_vortices():
    law = DistanceLaw(0.5, 5.0, 8, 2, key=jr.key(0))
    r = jnp.linspace(0.3, 6.0, 7)
    assert_close(law.slope(r), jax.vmap(jax.grad(law))(r), 10.0)
    model = NSSNN(4, vector_field=CirculationField(law), key=jr.key(0))
    G = jnp.array([0.7, 1.2, -0.9, 0.6, 1.1])
    ts, places = jnp.linspace(0.0, 1.0, 51), jr.normal(jr.key(1), (10,))
    first, second = model.copies(places, ts, G)
    sums = model.predict(places, ts, G).reshape(51, 2, 5) @ G
    assert jnp.abs(sums - sums[:1]).max() < 1e-12
    # sum G z . z' of both copies is kept exactly, the angular impulse up to their distance
    turning = (first * second).reshape(51, 2, 5).sum(axis=1) @ G
    assert jnp.abs(turning - turning[0]).max() < 1e-12
    step, field = model.pair
    assert field.structure == {VOLUME} and structure_of(step, field) >= {VOLUME, REVERSIBLE}
    assert model.energy is None


def test_bad_input():
    with pytest.raises(ValueError, match="even and positive .* got 3"):
        NSSNN(3, key=jr.key(0))
    with pytest.raises(ValueError, match="omega"):
        NSSNN(2, omega=0.0, key=jr.key(0))
    with pytest.raises(ValueError, match="train it by TrajectoryMatching or OneStepMatching"):
        CopyMatching()(NeuralODE(2, 8, 2, key=jr.key(0)), DATA)
    with pytest.raises(ValueError, match="must be one of absolute, squared"):
        CopyMatching("l1")
    field = CirculationField(Logarithm())
    with pytest.raises(ValueError, match="come through args"):
        field(0.0, jnp.zeros(4))
    with pytest.raises(ValueError, match="2 bodies need as many circulations"):
        rollout(lambda f, t, x, h, a: x + h * f(t, x, a), field, jnp.ones(4), (0.1, 1), jnp.ones(3))
    with pytest.raises(ValueError, match="increase from 0"):
        DistanceLaw(2.0, 1.0, key=jr.key(0))
