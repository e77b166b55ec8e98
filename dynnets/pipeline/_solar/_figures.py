"""The figures of the solar system."""

from typing import Any

import numpy as np

from dynnets.plotting import (
    plot_energy,
    plot_error_growth,
    plot_forecast,
    plot_law,
    plot_orbits,
    plot_phase_portrait,
)

from .._energies import energies_along
from .._task import Learned
from ._candidates import KEPLER, LAWS, NEURAL, PAIRWISE
from ._data import SolarData
from ._scores import PLANETS, heliocentric, learned_law, newton_energy

_YEAR = "year"


def make_solar_figures(data: SolarData, learned: dict[str, Learned], chosen: str) -> dict[str, Any]:
    """Forecast, orbits, angular error, energy, learned law and phase portrait, by name.

    **Arguments:** `learned`: the candidates, of which the best seeds are drawn; `chosen`: the name
    of the recommended one.
    """
    trial = next(iter(data.test))
    ts, measured = np.asarray(trial.ts), np.asarray(heliocentric(trial.xs))
    states = {n: np.asarray(each.forecast.path[each.best]) for n, each in learned.items()}
    growth = {n: np.asarray(each.forecast.growth).max(axis=2) for n, each in learned.items()}
    places = {name: np.asarray(heliocentric(x)) for name, x in states.items()}
    law = learned_law(learned[PAIRWISE].trained, data)
    shown = list(dict.fromkeys([chosen, PAIRWISE, KEPLER, NEURAL]))
    return {
        "forecast": plot_forecast(
            ts,
            measured[:, :, 0],
            {name: (ts, places[name][:, :, 0]) for name in shown},
            names=[f"{planet}: x [au]" for planet in PLANETS],
            time_name=_YEAR,
        )[0],
        "orbits": plot_orbits(
            measured, {name: places[name] for name in shown}, bodies=PLANETS, unit="[au]"
        )[0],
        "error": plot_error_growth(
            {name: (ts[1:], worst.T[1:]) for name, worst in growth.items()},
            threshold=1.0,
            time_name=_YEAR,
            error_name="angular error of the worst planet [degrees]",
        )[0],
        "energy": _energy(trial, states),
        "law": plot_law(
            {
                f"learned, seed {i}": (np.asarray(law.distances), np.asarray(exponents))
                for i, exponents in enumerate(law.exponents)
            },
            reference=-1.0,
            distances=_distances(data),
            distance_name="distance [au]",
        )[0],
        "phase_portrait": _portrait(data, states, learned[chosen], shown),
    }


def _portrait(data: SolarData, states: dict, chosen: Learned, shown, planet: int = 0):
    """Distance and radial velocity of one planet, level sets of its energy in the learned law.

    Its angular momentum about the Sun is held at the mean of the record.
    """
    measured, names = _radial(np.asarray(data.whole.xs[0]), planet), ("distance", "radial velocity")
    spin = float(measured[:, 2].mean())
    model = chosen.model

    def energy(t, x):
        total = 1 + model.masses[planet + 1]
        return x[1] ** 2 / 2 + spin**2 / (2 * x[0] ** 2) + total * model.law(x[0])

    return plot_phase_portrait(
        energy if chosen.trained.name in LAWS else None,
        measured[:, :2],
        {name: _radial(states[name], planet)[:, :2] for name in shown},
        names=[
            f"{PLANETS[planet]}: {n} [au{u}]" for n, u in zip(names, ("", "/year"), strict=True)
        ],
    )[0]


def _radial(xs: np.ndarray, planet: int) -> np.ndarray:
    """Distance from the Sun, radial velocity and angular momentum per mass, `(n, 3)`."""
    points = xs.reshape(len(xs), 2, -1, 3)
    q, v = np.moveaxis(points[:, :, planet + 1] - points[:, :, 0], 1, 0)
    r = np.linalg.norm(q, axis=1)
    return np.stack([r, (q * v).sum(axis=1) / r, np.linalg.norm(np.cross(q, v), axis=1)], axis=1)


def _energy(trial, states):
    """Newton's energy along every forecast, over its size."""
    energy = newton_energy(trial.xs.dtype)
    size = abs(float(energy(0.0, trial.xs[0])))

    def along(xs):
        ts, values = energies_along(energy, trial._replace(xs=xs))
        return ts, values / size

    curves = {name: along(x) for name, x in states.items()}
    return plot_energy(
        curves,
        measured={"measured": along(trial.xs)},
        time_name=_YEAR,
        energy_name="Newton's energy over its size",
    )[0]


def _distances(data: SolarData) -> np.ndarray:
    """Some of the measured distances between the bodies."""
    q = np.asarray(data.train.xs[0])[::40, : data.whole.dim // 2]
    points = q.reshape(len(q), -1, 3)
    apart = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    return apart[:, *np.triu_indices(points.shape[1], 1)].ravel()
