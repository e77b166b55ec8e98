"""The ephemeris of the Sun and the planets."""

import importlib

import numpy as np
import pytest

from dynnets.data import OUTER_SOLAR_SYSTEM, load_solar_system


def test_positions_and_velocities_agree():
    record = load_solar_system(1990.0, 1995.0, 10.0)
    ts, xs = np.asarray(record.ts[0]), np.asarray(record.xs[0])
    assert record.phase == "velocities" and record.dim == 30 and len(record) == 1
    assert record.names[:4] == ("sun.x", "sun.y", "sun.z", "jupiter.x")
    assert record.names[15] == "sun.vx"
    rates = (xs[2:, 3:15] - xs[:-2, 3:15]) / (ts[2:] - ts[:-2])[:, None]
    # au per year, to the error of a central difference over 10 days
    assert np.abs(rates - xs[1:-1, 18:]).max() < 2e-4
    distances = np.linalg.norm(xs[:, 3:6] - xs[:, :3], axis=1)
    assert 4.9 < distances.min() and distances.max() < 5.5
    assert np.allclose(np.diff(ts), 10 / 365.25)


def test_bodies_in_the_order_asked_for():
    pair = load_solar_system(2000.0, 2000.2, 20.0, bodies=("neptune", "sun"))
    every = load_solar_system(2000.0, 2000.2, 20.0)
    assert pair.dim == 12 and OUTER_SOLAR_SYSTEM[-1] == "neptune"
    assert (np.asarray(pair.xs)[..., :3] == np.asarray(every.xs)[..., 12:15]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": 1890.0}, "1899"),
        ({"stop": 2060.0}, "2053"),
        ({"start": 1950.0, "stop": 1940.0}, "1940"),
        ({"step_days": 0.0}, "step_days"),
        ({"step_days": 1e6}, "no step"),
        ({"bodies": ("sun", "pluto")}, "pluto"),
        ({"bodies": ("sun", "sun")}, "different"),
    ],
)
def test_bad_arguments_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        load_solar_system(**change)


def test_a_missing_package_is_named(monkeypatch):
    real = importlib.import_module

    def without(name, *rest):
        if name == "jplephem.spk":
            raise ImportError("No module named 'jplephem'", name="jplephem")
        return real(name, *rest)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(ValueError, match=r"jplephem.*dynnets\[data\]"):
        load_solar_system(2000.0, 2001.0)
