"""Measures of forecasts on numbers worked out by hand."""

import jax.numpy as jnp
import numpy as np
import pytest
from helpers import tol

from dynnets.analysis import (
    angular_error,
    drift_rate,
    energy_drift,
    error_growth,
    forecast_error,
    rms,
    time_scale,
    valid_time,
)
from dynnets.systems import Harmonic

TS = jnp.arange(6, dtype="float64")
ACTUAL = jnp.stack([jnp.array([1.0, -1, 1, -1, 1, -1]), jnp.zeros(6)], axis=1)
ERROR = jnp.stack([jnp.array([0.0, 1, 2, 3, 4, 5]), jnp.zeros(6)], axis=1)


def test_forecast_error_at_horizons():
    assert abs(rms(jnp.array([3.0, 4.0])) - 12.5**0.5) <= tol("float64")
    growth = error_growth(ACTUAL + ERROR, ACTUAL)
    np.testing.assert_allclose(growth, np.arange(6) / 2**0.5)
    found = forecast_error(TS, ACTUAL + ERROR, ACTUAL, (1.0, 2.0, 5.0, 100.0, 0.5))
    expected = np.sqrt([1 / 2, 5 / 4, 55 / 10, 55 / 10])
    np.testing.assert_allclose(found[:4], expected)
    assert jnp.isnan(found[4])
    mask = jnp.array([True, True, True, False, False, False])
    masked = forecast_error(TS, ACTUAL + ERROR, ACTUAL, (100.0,), mask=mask)
    np.testing.assert_allclose(masked, np.sqrt([5 / 4]))


def test_horizon_reaches_its_own_sample_in_float32():
    ts = 0.1 * jnp.arange(11, dtype="float32")
    zero = jnp.zeros((11, 1), "float32")
    late = zero.at[10].set(1.0)
    found = forecast_error(ts, late, zero, (1.0,))
    assert found.dtype == ts.dtype
    assert abs(float(found[0]) - 0.1**0.5) <= 1e-6


def test_a_forecast_that_blows_up_is_infinitely_wrong():
    lost = (ACTUAL + ERROR).at[3:].set(jnp.nan)
    found = forecast_error(TS, lost, ACTUAL, (2.0, 5.0))
    assert jnp.isfinite(found[0])
    assert jnp.isinf(found[1])
    assert valid_time(TS, lost, ACTUAL, threshold=10.0) == 2.0


def test_valid_time():
    scale = rms(ACTUAL - ACTUAL.mean(axis=0, keepdims=True))
    assert abs(scale - 0.5**0.5) <= tol("float64")
    # The error is k / sqrt(2) and the scale 1 / sqrt(2): valid up to k = 2.
    assert valid_time(TS, ACTUAL + ERROR, ACTUAL, threshold=2.5) == 2.0
    assert valid_time(TS, ACTUAL + ERROR, ACTUAL, threshold=2.5, scale=10.0) == 5.0
    assert valid_time(TS + 7, ACTUAL, ACTUAL) == 5.0
    assert valid_time(TS, ACTUAL + 100, ACTUAL) == 0.0


def test_energy_drift_and_its_rate():
    system = Harmonic()
    xs = jnp.sqrt(2 * (1 + 0.1 * TS))[:, None] * jnp.array([[0.6, 0.8]])
    drift = energy_drift(system.energy, TS, xs)
    np.testing.assert_allclose(drift, 0.1 * TS, atol=1e-12)
    assert abs(drift_rate(TS, drift) - 0.1) <= tol("float64")


def test_angular_error_down_to_round_off():
    a = jnp.array([[1.0, 0, 0], [1, 0, 0], [0, 2, 0], [3, 0, 0]])
    small = 1e-9
    b = jnp.array([[5.0, 0, 0], [np.cos(small), np.sin(small), 0], [2, 0, 0], [-1, 0, 0]])
    found = angular_error(a, b)
    np.testing.assert_allclose(found, [0, np.degrees(small), 90, 180], rtol=1e-7)


def test_time_scale_of_a_slow_clock():
    truth = Harmonic(stiffness=2.0, mass=0.5)
    xs = jnp.array([[0.3, 0.4], [0.0, -0.9], [0.5, 0.1]])
    slow = time_scale(lambda t, x: 0.95 * truth.field(t, x), truth.field, xs)
    assert abs(slow - 0.95) <= tol("float64")
    # A radial part does not count as speed.
    spiral = time_scale(lambda t, x: truth.field(t, x) - 0.2 * x, truth.field, xs)
    assert abs(spiral - 1) <= tol("float64")


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="differ in shape"):
        forecast_error(TS, ACTUAL[:, :1], ACTUAL, (1.0,))
    with pytest.raises(ValueError, match="one state per time"):
        valid_time(TS[:4], ACTUAL, ACTUAL)
    with pytest.raises(ValueError, match=r"horizon.*0\.0"):
        forecast_error(TS, ACTUAL, ACTUAL, (0.0,))
    with pytest.raises(ValueError, match="threshold.*-1"):
        valid_time(TS, ACTUAL, ACTUAL, threshold=-1)
    with pytest.raises(ValueError, match="differ in shape"):
        error_growth(ACTUAL[:3], ACTUAL)
