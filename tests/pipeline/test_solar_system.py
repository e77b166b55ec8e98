"""The outer solar system: data, guesses, and a short training of one candidate."""

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from dynnets.pipeline import (
    BASELINE,
    KEPLER,
    NEWTON,
    PLANETS,
    SOLAR_CANDIDATES,
    SOLAR_HORIZONS,
    SOLAR_QUICK,
    Learned,
    Row,
    SolarBudget,
    ceiling_forecast,
    forecast_solar_system,
    known_masses,
    learned_law,
    masses_at_rest,
    solar_data,
    solar_task,
    train_solar_system,
)


@pytest.fixture(scope="module")
def data():
    return solar_data()


def test_parts_of_the_record_meet_on_the_decades(data):
    assert float(data.validation.ts[0, 0]) == 1950.0 and float(data.test.ts[0, 0]) == 1960.0
    ts = np.asarray(data.test.ts[0])
    assert all(np.abs(ts - year).min() < 1e-9 for year in SOLAR_HORIZONS)
    assert float(data.train.ts[0, -1]) < 1950.0


def test_momentum_tells_the_masses(data):
    ratio = np.asarray(masses_at_rest(data.train.xs[0])) / known_masses()
    assert ratio[0] == 1 and np.abs(ratio - 1).max() < 0.03


def test_known_masses_forecast_well(data):
    found = ceiling_forecast(data)
    assert found.angles.shape == (1, len(SOLAR_HORIZONS), len(PLANETS))
    assert float(found.angles.max()) < 0.05  # degrees
    assert float(found.learned_drift[0]) < 1e-6


@pytest.fixture(scope="module")
def ellipses(data):
    return train_solar_system(data, KEPLER, seeds=2, key=jr.key(0))


def test_ellipses_are_no_worse_than_two_degrees(data, ellipses):
    found = forecast_solar_system(ellipses, data)
    assert float(found.angles[:, -1].max()) < 2.0 and found.learned_drift is None
    assert found.angles.shape[0] == 1 and ellipses.parameters == 32
    with pytest.raises(ValueError, match="no law"):
        learned_law(ellipses, data)


def test_a_saved_forecast_of_the_solar_system_goes_on_from_1960(data, ellipses):
    """The certificate is sampled there too, as the saved model remembers."""
    task = solar_task(SOLAR_QUICK)
    assert [candidate.name for candidate in task.candidates.values()] == list(SOLAR_CANDIDATES)
    metrics, forecast = task.score(ellipses)
    assert task.criterion in metrics and set(task.columns) - set(metrics) == {"energy drift"}
    row = Row(KEPLER, BASELINE, "", metrics, 0.0, 32)
    memory = task.memory(Learned(row, ellipses, forecast, 0, None))
    assert memory.time == 1960.0 and task.whole.xs[0, -1].shape == memory.start.shape
    np.testing.assert_array_equal(memory.states[0], forecast.path[0, 0])
    assert memory.states.shape == (8, data.whole.dim)


@pytest.mark.slow
def test_newton_with_fitted_masses_reaches_the_ceiling(data):
    budget = SolarBudget(arc_steps=6)
    fit = train_solar_system(data, NEWTON, seeds=2, key=jr.key(0), budget=budget)
    found = forecast_solar_system(fit, data)
    assert float(found.angles[:, -1].max()) < 0.05
    measured = forecast_solar_system(fit, data, fitted=False)
    assert float(measured.angles[:, -1].max()) < 0.5
    law = learned_law(fit, data)
    assert jnp.abs(law.exponent + 1).max() < 1e-6
    assert jnp.abs(law.mass_ratios - 1).max() < 0.02


def test_unknown_candidates_are_named(data):
    with pytest.raises(ValueError, match="ptolemy"):
        train_solar_system(data, "ptolemy", seeds=1, key=jr.key(0))
