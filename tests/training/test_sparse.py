"""Formulas found from data: support, errors, inner weights, bias of noise, refusals, penalties."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest
from helpers import assert_close
from jaxtyping import Array

from dynnets.data import Samples, Trajectories, simulate, windows
from dynnets.energies import FunctionEnergy, KineticEnergy, LibraryEnergy, RidgeLibrary, monomials
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import rollout, yoshida8
from dynnets.losses import derivative_matching
from dynnets.models import HNN, SSINN
from dynnets.systems import Harmonic, NonseparableOscillator, Pendulum
from dynnets.training import CoefficientPenalty, fit_least_squares, fit_sparse, soft_threshold

TS = jnp.array([0.0, 0.1])


@pytest.fixture(scope="module")
def pairs():
    """60 pairs of the harmonic oscillator, exact."""
    return simulate(Harmonic(), jr.key(0), 60, TS)


@pytest.fixture(scope="module")
def found(pairs):
    return fit_sparse(SSINN(monomials(1, 3), monomials(1, 4)), pairs)


def test_the_formula_is_found_and_the_rest_is_gone(found):
    assert found.support.tolist() == [False, True, False] + [False, True, False, False]
    assert found.terms[:2] == ("p", "p^2") and found.terms[3] == "q"
    error = np.abs(np.asarray(found.coefficients)[[1, 4]] - 0.5)
    assert error.max() < 1e-5  # of one step of order 4 per pair
    assert found.converged and found.identifiable and found.condition < 100
    assert found.model.formula(digits=3) == "0.5 p^2 + 0.5 q^2"
    assert found.errors[1] > 0 and found.errors[0] == 0


def test_a_second_fit_keeps_to_the_support(found, pairs):
    again = fit_sparse(found.model, pairs, cut=0.0)
    assert again.support.tolist() == found.support.tolist()
    assert_close(again.coefficients, found.coefficients, 1e3)


def test_noise_gives_errors_of_the_stated_size(pairs):
    noise = 1e-3 * jr.normal(jr.key(1), pairs.xs.shape)
    noisy = dataclasses.replace(pairs, xs=pairs.xs + noise)
    model = SSINN(monomials(1, 3), monomials(1, 4))
    fit = fit_sparse(model, noisy)
    miss = np.abs(np.asarray(fit.coefficients - jnp.array([0.0, 0.5, 0.0, 0.0, 0.5, 0.0, 0.0])))
    assert fit.support.tolist() == [False, True, False, False, True, False, False]
    assert (miss <= 4 * np.asarray(fit.errors)).all()
    assert fit.noise == pytest.approx(1.4e-3, rel=0.25)  # both ends of a pair are noisy


def test_rates_and_thresholds(pairs):
    model = SSINN(monomials(1, 3), monomials(1, 3))
    x = pairs.xs[:, 0]
    rates = Samples(jnp.zeros(60), x, jax.vmap(lambda y: Harmonic().field(0.0, y))(x))
    fit = fit_sparse(model, rates, rule="threshold", cut=0.05)
    assert fit.support.tolist() == [False, True, False] * 2
    assert_close(fit.coefficients, jnp.array([0.0, 0.5, 0.0] * 2), 10)


def test_inner_weights_and_masses_are_fitted_along():
    data = simulate(Pendulum(mass=2.0), jr.key(3), 40, TS)
    sine = RidgeLibrary("cos", jnp.array([[1.2]]), jnp.array([0.2]))
    start = LibraryEnergy(sine, jnp.array([-1.0]))
    fit = fit_sparse(SSINN(KineticEnergy(jnp.ones(1)), start, substeps=2), data, steps=80)
    assert fit.coefficients[0] == pytest.approx(-2.0, abs=1e-4)
    library = fit.model.hamiltonian.potential.library
    assert float(library.weights[0, 0]) == pytest.approx(1.0, abs=1e-4)
    assert float(fit.model.hamiltonian.kinetic.mass[0]) == pytest.approx(2.0, abs=1e-4)


def test_an_energy_that_does_not_separate():
    """Far out the oscillator turns by 0.1 in 0.002: any longer and one step is too coarse."""
    data = simulate(NonseparableOscillator(), jr.key(4), 60, jnp.array([0.0, 0.002]))
    fit = fit_sparse(SSINN(monomials(2, 4)), data, cut=10.0)
    kept = {name for name, left in zip(fit.terms, fit.support.tolist(), strict=True) if left}
    assert kept == {"q^2", "p^2", "q^2 p^2"}
    assert float(jnp.abs(fit.coefficients[fit.support] - 0.5).max()) < 1e-3


def test_first_states_as_unknowns():
    """More records than fit into one block; the noise found is that of one sample, not of two."""
    exact = simulate(Harmonic(), jr.key(5), 300, TS, tolerance=1e-8)
    noisy = dataclasses.replace(exact, xs=exact.xs + 0.01 * jr.normal(jr.key(6), exact.xs.shape))
    fit = fit_sparse(SSINN(monomials(1, 2), monomials(1, 2)), noisy, joint=True)
    assert fit.support.tolist() == [False, True] * 2
    miss = np.abs(np.asarray(fit.coefficients)[[1, 3]] - 0.5)
    assert (miss < 4 * np.asarray(fit.errors)[[1, 3]]).all()
    assert fit.noise == pytest.approx(0.01, rel=0.1)


def test_records_of_other_lengths_and_times(found):
    record = simulate(Harmonic(), jr.key(7), 5, jnp.array([0.0, 0.1, 0.25, 0.3]))
    uneven = windows(record, 2)
    fit = fit_sparse(SSINN(monomials(1, 2), monomials(1, 2)), uneven)
    assert fit.model.formula(digits=3) == "0.5 p^2 + 0.5 q^2"


def test_what_the_data_do_not_determine_is_named(pairs):
    standing = dataclasses.replace(pairs, xs=pairs.xs.at[:, :, 0].set(1.0))
    with pytest.raises(ValueError, match="do not determine.*q"):
        fit_sparse(SSINN(monomials(1, 2), monomials(1, 2)), standing)
    fit = fit_sparse(SSINN(monomials(1, 2), monomials(1, 2)), standing, refuse=False, steps=5)
    assert not fit.identifiable and set(fit.weakest) <= {"q", "q^2"}


def test_a_fit_without_a_term_left_is_refused(pairs):
    """A model of nothing is no answer: the cut is above both coefficients."""
    model, options = SSINN(monomials(1, 2), monomials(1, 2)), {"rule": "threshold", "cut": 10.0}
    with pytest.raises(ValueError, match="no term stands out.*more substeps"):
        fit_sparse(model, pairs, **options)
    fit = fit_sparse(model, pairs, refuse=False, **options)
    assert not fit.support.any() and fit.noise > 0.01


def test_a_search_that_has_not_settled_is_refused():
    """One step an interval of a third of a period: no formula comes near, and none is given."""
    coarse = simulate(Pendulum(), jr.key(0), 60, jnp.array([0.0, 2.0]))
    model = SSINN(monomials(1, 3), monomials(1, 3))
    with pytest.raises(ValueError, match="not settled after 2 Jacobians.*more substeps"):
        fit_sparse(model, coarse, steps=2)
    assert not fit_sparse(model, coarse, steps=2, refuse=False).converged


def test_refusals(pairs):
    model = SSINN(monomials(1, 2), monomials(1, 2))
    with pytest.raises(ValueError, match="no LibraryEnergy"):
        fit_sparse(HNN(2, 4, 1, key=jr.key(0)), pairs)
    with pytest.raises(ValueError, match="neither records"):
        fit_sparse(model, TS)
    with pytest.raises(ValueError, match="standard error"):
        fit_sparse(model, pairs, rule="lasso")
    with pytest.raises(ValueError, match="xs must be finite"):
        fit_sparse(model, dataclasses.replace(pairs, xs=pairs.xs.at[0, 0, 0].set(jnp.nan)))


def test_proximal_steps_reach_zero_where_the_penalty_alone_does_not(pairs):
    x = pairs.xs[:, 0]
    rates = Samples(jnp.zeros(60), x, jax.vmap(lambda y: Harmonic().field(0.0, y))(x))
    model = SSINN(monomials(1, 3), monomials(1, 3))
    shrunk = CoefficientPenalty(derivative_matching, 0.01)
    assert float(shrunk(model, rates, key=None)) == pytest.approx(
        float(derivative_matching(model, rates)), rel=1e-12
    )
    params, frozen = eqx.partition(model, eqx.is_inexact_array)
    method = optax.chain(optax.sgd(0.02), soft_threshold(2e-4))

    def step(carry, _):
        params, state = carry
        slope = jax.grad(lambda p: derivative_matching(eqx.combine(p, frozen), rates))(params)
        change, state = method.update(slope, state, params)
        return (optax.apply_updates(params, change), state), None

    (params, _), _ = jax.lax.scan(step, (params, method.init(params)), length=3000)
    c = np.asarray(eqx.combine(params, frozen).hamiltonian.potential.coefficients)
    assert c[0] == 0 and c[2] == 0 and 0.4 < c[1] < 0.5


class _Wide(eqx.Module):
    weights: Array


def test_a_term_that_undoes_the_error_of_the_steps_is_dropped():
    """No noise at all, one wide step a pair: `q^6` would undo some of its error."""
    quartic = FunctionEnergy(lambda t, q: 0.5 * q[0] ** 2 + 0.25 * q[0] ** 4)
    field = SeparableHamiltonianField(KineticEnergy(jnp.ones(1)), quartic)
    x0 = jr.uniform(jr.key(0), (2, 300), minval=-1.0)
    xs = np.moveaxis(np.asarray(rollout(yoshida8, field, x0, (0.3, 1), substeps=4).xs), -1, 0)
    pairs = Trajectories.from_trials([np.array([0.0, 0.3])] * 300, list(xs), phase="momenta")
    found = fit_sparse(SSINN(monomials(1, 5), monomials(1, 6)), pairs)
    terms = [term for term, kept in zip(found.terms, found.support, strict=True) if kept]
    assert terms == ["p^2", "q^2", "q^4"]
    wrong = jnp.abs(found.coefficients[found.support] - jnp.array([0.5, 0.5, 0.25]))
    assert (wrong <= 3 * found.errors[found.support]).all()


def test_the_dual_form_is_the_same_step():
    """More parameters than residuals: equal fits, for the damped step is the same."""
    data = jnp.array([1.5, 0.15])

    def residual(model, data):
        return jnp.stack([jnp.sum(jnp.sin(model.weights[:3])), jnp.prod(model.weights)]) - data

    model = _Wide(jnp.array([0.3, 0.5, 0.7, 1.1, 0.9]))
    dual = fit_least_squares(model, residual, data, dual=True)
    assert dual.value < 1e-20 and dual.converged
    stack = jax.tree.map(lambda a: jnp.stack([a, 1.1 * a]), model)
    both = fit_least_squares(
        stack, residual, jnp.stack([data, data]), dual=True, ensemble=2, data_axis=0
    )
    assert_close(both.model.weights[0], dual.model.weights, 1e3)
    with pytest.raises(ValueError, match="ensemble"):
        fit_least_squares(model, residual, data, data_axis=0)
