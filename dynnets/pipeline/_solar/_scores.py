"""Forecasts of the outer solar system and how good they are."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynnets.analysis import angular_error, energy_drift
from dynnets.energies import FixedPowerLaw, PairwiseEnergy, PairwisePotential, local_exponent
from dynnets.models import newtonian_bodies

from .._task import Trained
from ._candidates import KEPLER, LAWS
from ._data import SolarData, forecast_part

PLANETS = ("Jupiter", "Saturn", "Uranus", "Neptune")
SOLAR_HORIZONS = (1970.0, 1980.0, 2000.0, 2020.0, 2050.0)
"""Years at which errors are reported."""

CEILING = "Newton (known masses)"
FITTED, MEASURED = "fitted to 1900-1950", "measured in 1960"

# For scoring only: Gauss's constant squared (au^3 / day^2) and the masses of the planets with
# their moons, as reciprocals of the Sun's (IAU 1976 and its successors).
_SUN = 0.01720209895**2 * 365.25**2
_RECIPROCALS = (1047.3486, 3497.898, 22902.98, 19412.24)


class SolarForecast(NamedTuple):
    """One candidate's forecast of 1960-2050, compared with the ephemeris.

    - `name`, `start`: the candidate, and the state that its forecast starts from.
    - `path`: states at the times of the test part, `(seeds, n, d)`.
    - `angles`: heliocentric angular errors in degrees, `(seeds, horizons, planets)`.
    - `growth`: the same at all times, `(seeds, n, planets)`.
    - `learned_drift`: largest change of the learned energy relative to its first value,
      `(seeds,)`, or `None`; `true_drift`: the same for Newton's energy with known masses.
    """

    name: str
    start: str
    path: Array
    angles: Array
    growth: Array
    learned_drift: Array | None
    true_drift: Array


class SolarLaw(NamedTuple):
    """What a candidate has learned of gravity.

    `distances (k,)` in au; `exponents (seeds, k)`: of the potential, locally; `exponent
    (seeds,)`: the slope of the logarithm of the force over all distances of the data, plus one;
    `strength (seeds,)`: the force at 1 au times au^2 by that power law, in `au^3 / year^2`, where
    Newton's has `4 pi^2` nearly; `masses (seeds, planets)`: in units of the Sun's, with their
    ratio to the known ones in `mass_ratios`.
    """

    distances: Array
    exponents: Array
    exponent: Array
    strength: Array
    masses: Array
    mass_ratios: Array


def known_masses() -> np.ndarray:
    """Masses of the Sun and the four planets with their moons, in units of the Sun's, `(5,)`."""
    return np.array([1.0, *(1 / reciprocal for reciprocal in _RECIPROCALS)])


def newton_energy(dtype=None) -> PairwiseEnergy:
    """Newton's energy with known masses on `(q, v)` in au and au per year: for scoring only."""
    law = FixedPowerLaw(jnp.asarray(_SUN, dtype))
    return PairwiseEnergy(PairwisePotential(law, jnp.asarray(known_masses(), dtype), 3))


def ceiling_forecast(data: SolarData) -> SolarForecast:
    """Newton's law with known masses from the measured state of 1960, Yoshida 4 at 20 days.

    Nothing is learned. What is left of its error is the other planets, felt mostly through the
    Sun's measured velocity.
    """
    dtype = data.test.xs.dtype
    masses = jnp.asarray(known_masses(), dtype)
    model = newtonian_bodies(jnp.asarray(_SUN, dtype), masses, substeps=2)
    path = model.predict(data.test.xs[0, 0], data.test.ts[0])[None]
    drift = _relative_drift(model.energy, data.test.ts[0], path[0])[None]
    return _scored(CEILING, MEASURED, path, drift, data)


def forecast_solar_system(fit: Trained, data: SolarData, *, fitted: bool = True) -> SolarForecast:
    """Forecast 1960-2050 with every seed of a trained candidate.

    **Arguments:** `fitted`: start from the state of 1900 that was fitted together with the law
    to 1900-1950 (the forecast then uses no measurement after 1950), where the candidate has one;
    else, and for the nets, from the measured state at the first sample of 1960.
    """
    starts = fit.starts if fitted else None
    path = forecast_part(fit.models, starts, data.test, data)

    def drift(model, path):
        energy = model.energy
        return None if energy is None else _relative_drift(energy, data.test.ts[0], path)

    drifts = eqx.filter_vmap(drift)(fit.models, path)
    # an ellipse is a function of time: whatever it says of 1960 was fitted to 1900-1950
    start = MEASURED if starts is None and fit.name != KEPLER else FITTED
    return _scored(fit.name, start, path, drifts, data)


def _relative_drift(energy, ts, path) -> Array:
    change = energy_drift(energy, ts, path)
    largest = jnp.max(jnp.abs(change)) / jnp.abs(energy(ts[0], path[0]))
    return jnp.where(jnp.isfinite(largest), largest, jnp.inf)


def heliocentric(xs: Array | np.ndarray) -> Any:
    """Positions of bodies 1, 2, ... relative to body 0, `(..., planets, 3)`, of `xs (..., d)`."""
    q = xs[..., : xs.shape[-1] // 2]
    points = q.reshape(*q.shape[:-1], -1, 3)
    return points[..., 1:, :] - points[..., :1, :]


def _scored(name, start, path, drift, data: SolarData) -> SolarForecast:
    actual = jnp.broadcast_to(data.test.xs, path.shape)
    growth = angular_error(heliocentric(path), heliocentric(actual))
    growth = jnp.where(jnp.isfinite(growth), growth, 180.0)
    ts = np.asarray(data.test.ts[0])
    nearest = [int(np.argmin(np.abs(ts - year))) for year in SOLAR_HORIZONS]
    energy = newton_energy(path.dtype)
    true = jax.vmap(lambda p: _relative_drift(energy, data.test.ts[0], p))(path)
    return SolarForecast(name, start, path, growth[:, jnp.asarray(nearest)], growth, drift, true)


def learned_law(fit: Trained, data: SolarData, points: int = 65) -> SolarLaw:
    """Read the law and the masses of a trained pairwise Hamiltonian, seed by seed.

    Raises `ValueError` for a candidate that has no law.
    """
    if fit.name not in LAWS:
        raise ValueError(f"{fit.name} has no law of force to read")
    dtype = data.train.xs.dtype
    r = jnp.asarray(np.geomspace(data.close, data.far, points), dtype)

    def one(model):
        u, force = jnp.log(r), jnp.log(jnp.abs(model.law.slope(r)))
        centred = u - jnp.mean(u)
        slope = jnp.sum(centred * force) / jnp.sum(centred**2)
        strength = jnp.exp(jnp.mean(force) - slope * jnp.mean(u))
        return local_exponent(model.law, r), slope + 1, strength, model.masses[1:]

    exponents, exponent, strength, masses = eqx.filter_vmap(one)(fit.models)
    ratios = masses / jnp.asarray(known_masses()[None, 1:], dtype)
    return SolarLaw(r, exponents, exponent, strength, masses, ratios)
