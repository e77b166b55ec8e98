"""`learn("solar-system")`: table, verdict, figures and files of the outer solar system."""

from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array

from dynnets.training import load_model, read_metadata, save_model, unstack

from ._candidates import BASELINE, CONSERVATIVE
from ._certify import certify_model, sample_states
from ._folder import finish, open_folder, slug
from ._report import Report, Row, number
from ._solar_figures import make_solar_figures
from ._solar_scores import (
    PLANETS,
    SOLAR_HORIZONS,
    SolarForecast,
    ceiling_forecast,
    forecast_solar_system,
    learned_law,
)
from ._solar_system import (
    FORCE,
    KEPLER,
    NEURAL,
    NEWTON,
    PAIRWISE,
    SOLAR_CANDIDATES,
    SOLAR_FULL,
    SOLAR_QUICK,
    SolarData,
    SolarFit,
    solar_data,
    train_solar_system,
)

_ASSUMES = {
    PAIRWISE: "bodies act in pairs along their line by one law; energy is conserved",
    NEWTON: "Newton's law; only masses and strength are learned",
    KEPLER: "each planet on a fixed ellipse",
    FORCE: "bodies act in pairs along their line",
}
_VALID = 1.0  # degrees


class _Stored(eqx.Module):
    """What a finished candidate leaves behind for a run that is resumed."""

    models: eqx.Module
    starts: Array | None
    validation: Array


def _trained(name, i, data, budget, seeds, key, folder: Path | None, progress) -> SolarFit:
    """Train one candidate, or take it from an earlier part of this very run."""
    path = None if folder is None else folder / "checkpoints" / f"{slug(name)}.dynnets"
    if path is not None and path.exists():
        known = read_metadata(path)["metadata"]
        stored = load_model(path, _Stored)
        return SolarFit(
            name, stored.models, stored.starts, stored.validation, known["seconds"],
            known["parameters"],
        )  # fmt: skip
    if progress:
        print(f"training {name}", flush=True)
    found = train_solar_system(
        data, name, seeds=seeds, key=jr.fold_in(key, i), budget=budget, progress=progress
    )
    if path is not None:
        path.parent.mkdir(exist_ok=True)
        known = {"seconds": found.seconds, "parameters": found.parameters}
        save_model(path, _Stored(found.models, found.starts, found.validation), known)
    return found


def learn_solar_system(*, key, out, seeds, quick, resume, overwrite, progress) -> Report:
    """Train on 1900-1950, select on 1950-1960, forecast 1960-2050; arguments as `learn`.

    Raises `ValueError` unless JAX runs in float64: a century of orbits needs its digits.
    """
    if jnp.finfo(jnp.zeros(()).dtype).bits < 64:
        raise ValueError(
            'the solar system needs float64: call jax.config.update("jax_enable_x64", True) first'
        )
    budget = SOLAR_QUICK if quick else SOLAR_FULL
    folder = None
    if out is not None:
        settings = {
            "record": "solar-system",
            "seeds": seeds,
            "budget": list(budget),
            "key": np.asarray(jr.key_data(key)).tolist(),
        }
        folder = open_folder(out, settings, resume=resume, overwrite=overwrite)
    data = solar_data()
    fits = {
        name: _trained(name, i, data, budget, seeds, key, folder, progress)
        for i, name in enumerate(SOLAR_CANDIDATES)
    }
    paths = {name: forecast_solar_system(found, data) for name, found in fits.items()}
    report = _report(data, fits, paths, folder)
    if quick:
        report = report.of_quick_run()
    if folder is not None:
        finish(folder, report, _metadata(data, fits, paths, report.chosen))
    return report


def _metrics(found: SolarForecast, data: SolarData, validation) -> dict[str, np.ndarray]:
    """Numbers of the table: degrees of the worst planet at the horizons, of each in 2050."""
    angles = np.asarray(found.angles)
    metrics = {} if validation is None else {"validation [au]": np.atleast_1d(validation)}
    metrics |= {
        f"worst {year:.0f} [deg]": angles[:, i].max(axis=1)
        for i, year in enumerate(SOLAR_HORIZONS[:-1])
    }
    metrics |= {f"{planet} 2050": angles[:, -1, i] for i, planet in enumerate(PLANETS)}
    ts = np.asarray(data.test.ts[0])
    worst = np.asarray(found.growth).max(axis=2)
    good = np.cumprod(worst <= _VALID, axis=1).sum(axis=1)
    metrics["valid years"] = ts[np.maximum(good - 1, 0)] - ts[0]
    if found.learned_drift is not None:
        metrics["energy drift"] = np.asarray(found.learned_drift)
    metrics["true energy drift"] = np.asarray(found.true_drift)
    return metrics


_COLUMNS = (
    "validation [au]",
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


def _row(found: SolarFit, forecast: SolarForecast, data: SolarData) -> Row:
    kind = CONSERVATIVE if found.name in (PAIRWISE, NEWTON) else BASELINE
    return Row(
        found.name,
        kind,
        _ASSUMES.get(found.name, "nothing"),
        _metrics(forecast, data, np.asarray(found.validation)),
        found.seconds,
        found.parameters,
    )


def _best(found: SolarFit) -> int:
    return int(np.argmin(np.nan_to_num(np.atleast_1d(found.validation), nan=np.inf)))


def _member(found: SolarFit):
    return found.models if found.name == KEPLER else unstack(found.models, _best(found))


def _report(data: SolarData, fits, paths, folder) -> Report:
    rows = [_row(fits[name], paths[name], data) for name in fits]
    # Newton's law is given its law: it bounds what learning can reach and is no candidate
    learned = [name for name in fits if name != NEWTON]
    chosen = min(learned, key=lambda name: float(np.median(fits[name].validation)))
    ceiling = ceiling_forecast(data)
    known = Row("Newton, known masses", BASELINE, "everything is known",
                _metrics(ceiling, data, None), 0.0, 0)  # fmt: skip
    law = learned_law(fits[PAIRWISE], data)
    models = {name: _member(found) for name, found in fits.items()}
    best = {name: _best(found) for name, found in fits.items()}
    start = paths[chosen].path[best[chosen], 0]
    states = jnp.concatenate([start[None], sample_states(data.train, 7)])
    step = float(data.train.ts[0, 1] - data.train.ts[0, 0])
    return Report(
        title="Forecast of the outer solar system to 2050 from 1900-1950 (JPL DE421)",
        columns=_COLUMNS,
        rows=(*rows, known),
        verdict=_verdict(fits, paths, chosen, law),
        chosen=chosen,
        model=models[chosen],
        models=models,
        certificate=certify_model(models[chosen], states, step),
        details=_details(paths, law),
        folder=folder,
        draw=lambda: make_solar_figures(data, paths, best, law, models[chosen], chosen),
    )


def _verdict(fits, paths, chosen: str, law) -> tuple[str, ...]:
    worst = {n: float(np.median(np.asarray(p.angles)[:, -1].max(axis=1))) for n, p in paths.items()}
    validation = {n: float(np.median(f.validation)) for n, f in fits.items()}
    others = min((v, n) for n, v in validation.items() if n not in (chosen, NEWTON))
    exponent = np.asarray(law.exponent)
    local = np.asarray(law.exponents)
    ratios = np.median(np.asarray(law.mass_ratios), axis=0)
    masses = ", ".join(f"{p} {r:.4f}" for p, r in zip(PLANETS, ratios, strict=True))
    return (
        f"Trust {chosen}: validation error {number(validation[chosen])} au, next "
        f"{number(others[0])} au of {others[1]}. In 2050 its worst planet is off by "
        f"{number(worst[chosen])} degrees; Kepler ellipses: {number(worst[KEPLER])}.",
        f"It learned a potential r^a with a = {np.median(exponent):.5f} "
        f"[{exponent.min():.5f}, {exponent.max():.5f}] over {float(law.distances[0]):.1f} to "
        f"{float(law.distances[-1]):.1f} au (locally {local.min():.4f} to {local.max():.4f}); "
        "Newton's is -1.",
        f"Learned masses over the known ones: {masses}.",
        f"Without structure the worst planet is off by {number(worst[FORCE])} degrees ({FORCE}) "
        f"and {number(worst[NEURAL])} ({NEURAL}).",
        _FOOTNOTE,
    )


def _details(paths, law) -> dict:
    return {
        "source": "JPL DE421",
        "years": SOLAR_HORIZONS,
        "planets": PLANETS,
        "degrees": {name: np.asarray(path.angles) for name, path in paths.items()},
        "start_of_forecast": {name: path.start for name, path in paths.items()},
        "law": {name: np.asarray(value) for name, value in law._asdict().items()},
    }


def _metadata(data: SolarData, fits, paths, chosen: str) -> dict:
    """What the saved models remember: the state of 1960 on the chosen forecast, and the columns."""
    found = fits[chosen]
    path = paths[chosen].path[_best(found)]
    whole = data.whole
    return {
        "kind": "solar-system",
        "source": whole.source,
        "names": list(whole.names),
        "input_names": [],
        "phase": whole.phase,
        "time_name": "year",
        "start": np.asarray(path[0]).tolist(),
        "time": float(data.test.ts[0, 0]),
        "interval": float(data.train.ts[0, 1] - data.train.ts[0, 0]),
        "states": np.asarray(sample_states(data.train, 8)).tolist(),
        "uses_clock": True,
        "differenced": False,
        "precision": str(whole.xs.dtype),
    }
