"""The figures of a run on a table."""

from typing import Any

import numpy as np

from dynnets.plotting import plot_energy, plot_error_growth, plot_forecast, plot_phase_portrait

from .._energies import energies_along
from .._task import Learned
from ._record import Record
from ._scores import energy_scale

_SHOWN = 4  # lines beyond this many hide each other


def make_figures(
    record: Record, time_name: str, learned: dict[str, Learned], chosen: str
) -> dict[str, Any]:
    """Forecast, phase portrait, energy and error growth of the first trial, by name.

    **Arguments:** `learned`: the candidates by name, of which the best seeds are drawn; `chosen`:
    the name of the one whose energy gives the level sets.
    """
    trial, held_out = next(iter(record.whole)), next(iter(record.held_out))
    ts = np.asarray(held_out.ts)
    models = {name: each.model for name, each in learned.items()}
    paths = {n: each.forecast.paths[each.best, 0, : len(ts)] for n, each in learned.items()}
    shown = [chosen, *(name for name in paths if name != chosen)][:_SHOWN]
    figures = {
        "forecast": _forecast(record, trial, ts, {n: paths[n] for n in shown}, time_name),
        "error": plot_error_growth(
            {n: (ts[1:] - ts[0], e.forecast.growth[1 : len(ts)]) for n, e in learned.items()},
            threshold=0.4,
            time_name=f"{time_name} since the start of the forecast",
            error_name="error in units of the spread",
        )[0],
    }
    if record.is_phase_space:
        figures["phase_portrait"] = plot_phase_portrait(
            _level_energy(models, chosen),
            trial.xs,
            {name: paths[name] for name in shown[:3]},
            names=record.whole.names,
        )[0]
    curves = _energy_curves(record, models, paths, held_out)
    if curves[0]:
        figures["energy"] = plot_energy(
            curves[0],
            measured=curves[1],
            held_out=float(ts[0]),
            time_name=time_name,
            energy_name="learned energy, 1 = the motion at first",
        )[0]
    return figures


def _forecast(record, trial, ts, paths, time_name):
    validation = next(iter(record.validation))
    begin = float(validation.ts[0])
    recent = np.asarray(trial.ts) >= begin - 0.7 * float(trial.ts[-1] - begin)
    return plot_forecast(
        np.asarray(trial.ts)[recent],
        np.asarray(trial.xs)[recent],
        {name: (ts, path) for name, path in paths.items()},
        names=record.whole.names,
        time_name=time_name,
        validation=begin,
        held_out=float(ts[0]),
    )[0]


def _level_energy(models: dict, chosen: str):
    """The chosen model's energy, or that of the first model which has one."""
    energies = [models[chosen].energy, *(model.energy for model in models.values())]
    return next((energy for energy in energies if energy is not None), None)


def _energy_curves(record: Record, models: dict, paths: dict, held_out):
    """Learned energies along forecasts and record, over the energy of the motion at first.

    The least energy along the record counts as zero.
    """
    along, measured = {}, {}
    trial = next(iter(record.whole))
    first = trial.xs[: max(1, len(trial.ts) // 8)]
    for name, model in models.items():
        if model.energy is None:
            continue
        times, values = energies_along(model.energy, trial)
        rest = float(model.energy(0.0, record.units.centre))
        size = float(energy_scale(model.energy, first, record.units.centre)) or 1.0
        path = held_out._replace(xs=paths[name])
        energies = energies_along(model.energy, path)[1]
        along[name] = (np.asarray(held_out.ts), (energies - rest) / size)
        measured[name] = (times, (values - rest) / size)
    return along, measured
