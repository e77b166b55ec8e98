"""Initial states fitted to noisy first samples, and curricula that train them."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

from dynnets.data import Trajectories
from dynnets.energies import KineticEnergy, KnownEnergy, QuadraticEnergy
from dynnets.integrators import verlet_kdk, yoshida4
from dynnets.losses import TrajectoryMatching
from dynnets.models import SRNN, FieldModel
from dynnets.systems import HenonHeiles, SpringChain
from dynnets.training import (
    Stage,
    StateFit,
    fit_initial_states,
    fit_stages,
    srnn_stages,
    stack_models,
)

CHAIN = SpringChain(2, stiffness=3.0)
NOISE, TRIALS = 0.1, 30


@pytest.fixture(scope="module")
def chain():
    """True starts `(30, 4)` and noisy records of 8 samples; the true model beside them."""
    starts = jr.normal(jr.key(0), (TRIALS, 4))
    ts = jnp.linspace(0.0, 1.4, 8)
    xs = jax.vmap(lambda t: CHAIN.solution(t, starts.T).T, out_axes=1)(ts)
    data = Trajectories(
        jnp.tile(ts[None], (TRIALS, 1)), xs + NOISE * jr.normal(jr.key(1), xs.shape), None, None,
        jnp.full(TRIALS, 8), ("q0", "q1", "p0", "p1"), phase="momenta",
    )  # fmt: skip
    return starts, data, FieldModel(CHAIN.field, yoshida4)


def _error(a, b):
    return float(jnp.sqrt(jnp.mean((a - b) ** 2)))


@pytest.mark.parametrize("method", ["gauss_newton", "lbfgs"])
def test_a_fit_to_a_linear_system_is_the_linear_least_squares_solution(chain, method):
    starts, data, model = chain
    found = fit_initial_states(model, data, method=method, tolerance=1e-9, steps=100, substeps=5)
    flow = jax.vmap(lambda t: CHAIN.solution(t, jnp.eye(4)))(data.ts[0]).reshape(-1, 4)
    exact = np.linalg.lstsq(np.asarray(flow), np.asarray(data.xs.reshape(TRIALS, -1)).T)[0].T
    # what four digits of Yoshida's step of 0.04 leave between its flow and the exact one
    assert np.abs(np.asarray(found.x0) - exact).max() < 1e-3
    assert bool(found.converged.all())
    assert _error(found.x0, starts) < 0.6 * _error(data.xs[:, 0], starts)
    assert np.all(np.asarray(found.error) < 3 * NOISE**2)
    if method == "gauss_newton":
        # linear, but the damping falls from step to step; a few linger at round-off
        assert np.median(found.steps) <= 8


def test_a_nonlinear_start_is_found_from_positions_alone():
    system = HenonHeiles()
    starts = jax.vmap(system.sample)(jr.split(jr.key(4), 5))
    model = FieldModel(system.field, verlet_kdk)
    ts = jnp.linspace(0.0, 2.0, 9)
    xs = jax.jit(jax.vmap(lambda x: model.predict(x, ts)))(starts)
    data = Trajectories(
        jnp.tile(ts[None], (5, 1)), xs[..., :2], None, None, jnp.array([9, 9, 7, 9, 8]), ("x", "y")
    )
    guess = jnp.concatenate([xs[:, 0, :2], jnp.zeros((5, 2))], axis=1)
    settings = {"observed": (0, 1), "scale": jnp.array([0.1, 0.2]), "tolerance": 1e-10}
    found = fit_initial_states(model, data, first=guess, **settings)
    assert float(jnp.abs(found.x0 - starts).max()) < 1e-8


def test_what_cannot_be_fitted_is_refused(chain):
    _, data, model = chain
    with pytest.raises(ValueError, match="gauss_newton.*'newton'"):
        fit_initial_states(model, data, method="newton")
    with pytest.raises(ValueError, match=r"first=\(trials, d\)"):
        fit_initial_states(model, data, observed=(0,))
    with pytest.raises(ValueError, match="do not fix 40 unknowns"):
        fit_initial_states(model, data, first=jnp.zeros((TRIALS, 40)))
    with pytest.raises(ValueError, match="30 trials"):
        fit_initial_states(model, data, first=jnp.zeros((3, 4)))
    with pytest.raises(ValueError, match="at least one stage"):
        fit_stages(model, (), data, key=jr.key(0))
    stage = Stage(TrajectoryMatching(None), optax.adam(1e-3), 1, "free")
    with pytest.raises(ValueError, match="states must be one of"):
        fit_stages(model, (stage,), data, key=jr.key(0))
    with pytest.raises(ValueError, match="3 stages"):
        srnn_stages(steps=(1, 2))


def test_a_curriculum_trains_weights_and_initial_states_of_an_ensemble(chain):
    starts, data, model = chain
    known = KnownEnergy(KineticEnergy(jnp.ones(2)))

    def make(key):
        springs = QuadraticEnergy(4 * jnp.eye(2) + jr.normal(key, (2, 2)) / 5)
        return SRNN(4, kinetic=known, potential=springs, step=yoshida4, key=key)

    learners = stack_models(make, jr.split(jr.key(2), 2))
    one, _, many = srnn_stages(steps=(300, 1, 300), rate=5e-2, state_rate=0.5)
    run = fit_stages(
        learners, (one, many, many._replace(states="refitted", steps=5)), data,
        key=jr.key(3), ensemble=2, refit=StateFit(steps=4),
    )  # fmt: skip
    assert len(run.results) == 3 and run.initial_states.shape == (2, TRIALS, 4)
    assert isinstance(run.results[0].model, SRNN) and isinstance(run.model, SRNN)
    trained = run.results[1].model.initial_states
    assert np.all(run.results[1].history.loss[-1] < run.results[1].history.loss[0])
    # the last stage fits the states to the weights that it got, and holds them
    assert not np.array_equal(run.initial_states, trained)
    assert np.array_equal(run.initial_states, run.results[2].model.initial_states)
    for states in (*trained, *run.initial_states):
        assert _error(states, starts) < 0.9 * _error(data.xs[:, 0], starts)
    last, before = (m.potential.matrix for m in (run.model, run.results[1].model.model))
    assert float(jnp.abs(last - before).max()) > 0
    assert np.all(run.model.kinetic.energy.log_mass == 0)
