"""Figures of the spring chain: three masses, errors against time, training against testing."""

import numpy as np

from benchmarks.harness import Settings
from benchmarks.harness.flows import in_precision
from benchmarks.srnn import chain
from benchmarks.srnn.heat_map import plot_heat_map
from dynnets.plotting import plot_error_growth, plot_forecast
from dynnets.training import fit_initial_states, unstack

SHOWN = (chain.HNN, chain.SINGLE, chain.RECURRENT, chain.ISO)


def draw(settings: Settings, problems, models: dict, scores: dict, recurrent: dict) -> None:
    """Write figures 1, 2 and 5 of the paper's slide from the run's own models."""
    settings.save_figure(_masses(problems[0], models), "chain-positions")
    settings.save_figure(_errors(scores, recurrent), "chain-errors")
    values, trained, tested = chain.grid(problems, models)
    figure = plot_heat_map(
        values,
        rows=trained,
        columns=tested,
        name="position error over 200 steps, recurrent training (rows) against testing",
    )[0]
    settings.save_figure(figure, "chain-training-against-testing")


def _masses(one, models: dict):
    """The second, fourth and sixth mass of the first start."""
    times, picked = one.clean.shape[1], np.array([1, 3, 5])
    ts = chain.H * np.arange(times)
    curves = {}
    for name in SHOWN:
        model = in_precision(unstack(models[name], 0), one.clean.dtype)
        x0 = one.seen.xs[:1, 0]
        if name == chain.ISO:
            x0 = fit_initial_states(model, one.seen).x0[:1]
        curves[name] = (ts, np.asarray(chain.forecast(model, x0, times)[0][:, picked]))
    names = [f"q{i + 1}" for i in picked]
    truth = np.asarray(one.clean[0][:, picked])
    return plot_forecast(ts, truth, curves, names=names, record_name="truth")[0]


def _errors(scores: dict, recurrent: dict):
    """Every row of the table, the start fitted where the table does so; 32 starts of one seed."""
    fitted = (chain.TRUTH, chain.TRUTH_LEAPFROG, chain.ISO)
    found = {n: s["ISO" if n in fitted else "noisy"][0] for n, s in scores.items()}
    found |= {name: seeds[0] for name, seeds in recurrent.items()}
    curves = {}
    for name, distances in found.items():
        values = np.asarray(distances).T
        curves[name] = (chain.H * np.arange(len(values))[1:], values[1:])
    return plot_error_growth(curves, time_name="time", error_name="position error")[0]
