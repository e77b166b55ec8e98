"""The outer solar system as a task: its record, its candidates, its verdict and its figures."""

from functools import partial

import jax.numpy as jnp
import numpy as np

from .._certify import sample_states
from .._report import Row, number
from .._task import BASELINE, Advice, Learned, Memory, Task
from ._candidates import (
    FORCE,
    KEPLER,
    NEURAL,
    NEWTON,
    PAIRWISE,
    SOLAR_FULL,
    SOLAR_QUICK,
    SolarBudget,
    solar_candidates,
)
from ._data import SolarData, solar_data
from ._figures import make_solar_figures
from ._scores import (
    PLANETS,
    SOLAR_HORIZONS,
    SolarForecast,
    SolarLaw,
    ceiling_forecast,
    forecast_solar_system,
    learned_law,
)
from ._train import train_solar_system

_VALID = 1.0  # degrees
_SCORE = "validation [au]"
_COLUMNS = (
    _SCORE,
    "worst 1970 [deg]",
    "worst 2000 [deg]",
    *(f"{planet} 2050" for planet in PLANETS),
    "valid years",
    "energy drift",
    "true energy drift",
)
_FOOTNOTE = (
    "Heliocentric angular errors in degrees against the ephemeris DE421; valid years: until the "
    "worst planet is off by a degree; drifts: relative, 1960 to 2050; median [range] over seeds; "
    "* recommended. Trained on 1900-1950, selected on 1950-1960."
)


def solar_task(budget: SolarBudget = SOLAR_FULL) -> Task:
    """Learn gravity from the Sun and the outer planets: train on 1900-1950, choose on 1950-1960.

    The forecasts run from 1960 to 2050. **Arguments:** `budget`: how long to train. Raises
    `ValueError` unless JAX runs in float64: a century of orbits needs its digits.
    """
    if jnp.finfo(jnp.zeros(()).dtype).bits < 64:
        raise ValueError(
            'the solar system needs float64: call jax.config.update("jax_enable_x64", True) first'
        )
    data = solar_data()

    def score(trained):
        found = forecast_solar_system(trained, data)
        return {_SCORE: np.asarray(trained.validation)} | _metrics(found, data), found

    def references() -> list[Row]:
        metrics = _metrics(ceiling_forecast(data), data)
        return [Row("Newton, known masses", BASELINE, "everything is known", metrics, 0.0, 0)]

    def memory(chosen: Learned) -> Memory:
        start = np.asarray(chosen.forecast.path[chosen.best, 0])
        states = np.concatenate([start[None], sample_states(data.train, 7)])
        return Memory(start, float(data.test.ts[0, 0]), states)

    return Task(
        kind="solar-system",
        title="Forecast of the outer solar system to 2050 from 1900-1950 (JPL DE421)",
        columns=_COLUMNS,
        criterion=_SCORE,
        whole=data.whole,
        step=data.step,
        time_name="year",
        settings={"record": "solar-system", "budget": list(budget)},
        candidates=dict(enumerate(solar_candidates(data, budget).values())),
        train=lambda candidate, **how: train_solar_system(
            data, candidate.name, budget=budget, **how
        ),
        score=score,
        references=references,
        advise=partial(_advise, data),
        memory=memory,
        figures=partial(make_solar_figures, data),
        is_quick=budget == SOLAR_QUICK,
        uses_clock=True,
    )


def _metrics(found: SolarForecast, data: SolarData) -> dict[str, np.ndarray]:
    """Degrees of the worst planet at the horizons, of each planet in 2050, drifts of energy."""
    angles, ts = np.asarray(found.angles), np.asarray(data.test.ts[0])
    metrics = {
        f"worst {year:.0f} [deg]": angles[:, i].max(axis=1)
        for i, year in enumerate(SOLAR_HORIZONS[:-1])
    }
    metrics |= {f"{planet} 2050": angles[:, -1, i] for i, planet in enumerate(PLANETS)}
    worst = np.asarray(found.growth).max(axis=2)
    good = np.cumprod(worst <= _VALID, axis=1).sum(axis=1)
    metrics["valid years"] = ts[np.maximum(good - 1, 0)] - ts[0]
    if found.learned_drift is not None:
        metrics["energy drift"] = np.asarray(found.learned_drift)
    return metrics | {"true energy drift": np.asarray(found.true_drift)}


def _advise(data: SolarData, learned: dict[str, Learned], rows: list[Row]) -> Advice:
    # Newton's law is given its law: it bounds what learning can reach and is no candidate
    order = sorted((learned[n].row.median(_SCORE), n) for n in learned if n != NEWTON)
    law = learned_law(learned[PAIRWISE].trained, data)
    forecasts = {name: each.forecast for name, each in learned.items()}
    details = {
        "source": "JPL DE421",
        "years": SOLAR_HORIZONS,
        "planets": PLANETS,
        "degrees": {name: np.asarray(found.angles) for name, found in forecasts.items()},
        "start_of_forecast": {name: found.start for name, found in forecasts.items()},
        "law": {name: np.asarray(value) for name, value in law._asdict().items()},
    }
    return Advice(order[0][1], _verdict(order, forecasts, law), details)


def _verdict(order: list[tuple[float, str]], forecasts: dict, law: SolarLaw) -> tuple[str, ...]:
    """**Arguments:** `order`: validation errors and names, the least first."""
    worst = {
        name: number(float(np.median(np.asarray(found.angles)[:, -1].max(axis=1))))
        for name, found in forecasts.items()
    }
    (least, chosen), (following, other) = order[:2]
    exponent, local = np.asarray(law.exponent), np.asarray(law.exponents)
    ratios = np.median(np.asarray(law.mass_ratios), axis=0)
    masses = ", ".join(f"{p} {r:.4f}" for p, r in zip(PLANETS, ratios, strict=True))
    return (
        f"Trust {chosen}: validation error {number(least)} au, next {number(following)} au of "
        f"{other}. In 2050 its worst planet is off by {worst[chosen]} degrees; Kepler ellipses: "
        f"{worst[KEPLER]}.",
        f"It learned a potential r^a with a = {np.median(exponent):.5f} "
        f"[{exponent.min():.5f}, {exponent.max():.5f}] over {float(law.distances[0]):.1f} to "
        f"{float(law.distances[-1]):.1f} au (locally {local.min():.4f} to {local.max():.4f}); "
        "Newton's is -1.",
        f"Learned masses over the known ones: {masses}.",
        f"Without structure the worst planet is off by {worst[FORCE]} degrees ({FORCE}) "
        f"and {worst[NEURAL]} ({NEURAL}).",
        _FOOTNOTE,
    )
