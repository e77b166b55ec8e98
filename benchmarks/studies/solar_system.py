"""The outer solar system to 2050 from 1900-1950: learned laws, Kepler's ellipses, plain nets.

The record is the JPL ephemeris DE421 (Sun, Jupiter, Saturn, Uranus, Neptune; nothing is
downloaded). Everything is fitted to 1900-1950, 1950-1960 selects, nothing after 1960 is seen by a
learner. Errors are heliocentric angles in degrees.

- `pairwise Hamiltonian`: one law of force, a power law of random exponent times a net, and masses,
  all learned; Yoshida 4. `Newton (fitted masses)`: the same with the law given.
- `pair force net`: a net for the force of each pair, no masses, no energy, no third law; Bosh3.
- `neural ODE`: a net of the whole state. Both nets start from the measured state of 1960.
- `Kepler ellipses`: seven elements per planet, fitted; about the Sun or the barycentre, selected.
- `Newton (known masses)`: nothing learned, from the measured state of 1960, Yoshida 4 at 20 days.

The structured learners are scored twice: from the state of 1900 that was fitted together with the
law (so the forecast runs over a century and uses nothing measured after 1950), and from the
measured state of 1960, whose Sun moves about the Earth in a way that five bodies cannot follow.
"""

import jax
import jax.random as jr
import numpy as np

from benchmarks.harness import Result, Row, Settings, at_most, median
from dynnets.pipeline import (
    CEILING,
    FORCE,
    KEPLER,
    NEURAL,
    NEWTON,
    PAIRWISE,
    PLANETS,
    SOLAR_CANDIDATES,
    SOLAR_FULL,
    SOLAR_HORIZONS,
    SOLAR_QUICK,
    ceiling_forecast,
    forecast_solar_system,
    learned_law,
    solar_data,
    train_solar_system,
)
from dynnets.plotting import plot_error_growth, plot_law

NAME = "solar-system"
X64 = True
SEEDS = 3

MEASURED_1960 = f"{PAIRWISE}, from measured 1960"


def _angle_rows(forecasts: dict) -> list[Row]:
    """Errors of every planet in 2050, and of the worst one before."""
    angles = {name: np.asarray(found.angles) for name, found in forecasts.items()}
    others = [name for name in angles if name != PAIRWISE]
    rows = []
    for i, planet in enumerate(PLANETS):
        ours, base = angles[PAIRWISE][:, -1, i], {n: angles[n][:, -1, i] for n in others}
        rows.append(at_most(f"{planet} in 2050", ours, 1.0, base, unit="deg"))
    for i, year in enumerate(SOLAR_HORIZONS):
        worst = {name: value[:, i].max(axis=1) for name, value in angles.items()}
        ours = worst.pop(PAIRWISE)
        rows.append(Row(f"worst planet in {year:.0f}", ours, worst, "deg"))
    ours, kepler = angles[PAIRWISE][:, -1], angles[KEPLER][:, -1]
    ratio = (ours / kepler).max(axis=1)
    label = "largest ratio of a planet's error to that of its ellipse"
    rows.append(Row(label, ratio, bar="<= 1", holds=median(ratio) <= 1))
    worst, ceiling = ours.max(axis=1), float(angles[CEILING][0, -1].max())
    goal = Row(
        "worst planet in 2050 against known masses",
        worst,
        {CEILING: ceiling},
        "deg",
        f"<= {CEILING}",
        median(worst) <= ceiling,
    )
    return [*rows, goal]


def _law_rows(fits: dict, data) -> list[Row]:
    law, newton = learned_law(fits[PAIRWISE], data), learned_law(fits[NEWTON], data)
    reach = f"{float(law.distances[0]):.1f}-{float(law.distances[-1]):.1f} au"
    local = np.abs(np.asarray(law.exponents) + 1).max(axis=1)
    rows = [
        at_most(f"|exponent + 1| over {reach}", np.abs(np.asarray(law.exponent) + 1), 0.01),
        Row(f"largest local |exponent + 1| within {reach}", local),
    ]
    for i, planet in enumerate(PLANETS):
        error = np.abs(np.asarray(law.mass_ratios)[:, i] - 1)
        other = np.abs(np.asarray(newton.mass_ratios)[:, i] - 1)
        rows.append(Row(f"mass of {planet}, relative error", error, {NEWTON: other}))
    return rows


def _cost_rows(fits: dict, forecasts: dict) -> list[Row]:
    def row(metric, read, table, unit=""):
        values = {name: read(item) for name, item in table.items()}
        ours = values.pop(PAIRWISE)
        return Row(metric, ours, {n: v for n, v in values.items() if v is not None}, unit)

    return [
        row("drift of the learned energy, 1960-2050", lambda f: f.learned_drift, forecasts),
        row("drift of Newton's energy, 1960-2050", lambda f: f.true_drift, forecasts),
        row("RMS position error 1950-1960", lambda f: np.atleast_1d(f.validation), fits, "au"),
        row("training of all seeds, with compilation", lambda f: f.seconds, fits, "s"),
        row("parameters", lambda f: float(f.parameters), fits),
    ]


def _figures(settings: Settings, forecasts: dict, fits: dict, data) -> None:
    ts = np.asarray(data.test.ts[0])[1:]
    curves = {
        name: (ts, np.asarray(found.growth).max(axis=2).T[1:]) for name, found in forecasts.items()
    }
    figure, _ = plot_error_growth(
        curves, threshold=1.0, time_name="year", error_name="worst planet [degrees]"
    )
    settings.save_figure(figure, "error")
    law = learned_law(fits[PAIRWISE], data)
    each = {
        f"seed {seed}": (np.asarray(law.distances), np.asarray(values))
        for seed, values in zip(settings.seeds, law.exponents, strict=True)
    }
    figure, _ = plot_law(each, reference=-1.0, distance_name="distance [au]")
    settings.save_figure(figure, "law")


def run(settings: Settings) -> Result:
    data = solar_data()
    budget = settings.scaled(SOLAR_FULL, fast=SOLAR_QUICK)
    fits, forecasts = {}, {}
    for i, name in enumerate(SOLAR_CANDIDATES):
        with settings.clock(f"{name}, training"):
            fits[name] = train_solar_system(
                data, name, seeds=len(settings.seeds), key=jr.key(i), budget=budget
            )
        with settings.clock(f"{name}, forecast"):
            forecasts[name] = jax.block_until_ready(forecast_solar_system(fits[name], data))
    forecasts[MEASURED_1960] = forecast_solar_system(fits[PAIRWISE], data, fitted=False)
    forecasts[CEILING] = ceiling_forecast(data)
    _figures(settings, forecasts, fits, data)
    rows = _angle_rows(forecasts) + _law_rows(fits, data) + _cost_rows(fits, forecasts)
    focus = fits[KEPLER].models.centre
    notes = (
        f"the ellipses about the {focus} were selected",
        f"{PAIRWISE}, {NEWTON} and {KEPLER}: fitted to 1900-1950 alone, the start included; "
        f"{FORCE}, {NEURAL} and {CEILING}: from the measured state of 1960",
        "seeds change the first law of force and all weights; the masses start from those that "
        "keep the measured momentum, the same for every seed",
    )
    return Result(rows, notes)
