"""Figures of the Taylor-network benchmark: forces, error growth, the pendulum's energy."""

import numpy as np

from benchmarks.harness import Settings
from benchmarks.harness.flows import energies
from benchmarks.taylor_nets.tasks import TASKS, TAYLOR, forecasts
from dynnets.plotting import plot_energy, plot_error_growth


def draw(settings: Settings, found: dict) -> None:
    """`found`: trained models by system and kind."""
    for name, models in found.items():
        task = TASKS[name]
        curves = {}
        for kind, trained in models.items():
            points = settings.scaled(400, fast=4)
            ts, truth, paths = forecasts(task, trained, 3 * task.horizon, points)
            curves[kind] = ts[1:], np.linalg.norm(paths - truth[None], axis=2).T[1:]
        figure, _ = plot_error_growth(curves, time_name="time", error_name="error of the state")
        settings.save_figure(figure, f"{name}-error")
    _energy_figure(settings, found["pendulum"])
    settings.save_figure(_force_figure(found["pendulum"]), "pendulum-force")


def _energy_figure(settings: Settings, models: dict) -> None:
    task, curves = TASKS["pendulum"], {}
    for kind, trained in models.items():
        points = settings.scaled(2000, fast=4)
        ts, _, paths = forecasts(task, trained, 20 * np.pi, points)
        values = energies(task.system.energy, paths[0])
        curves[kind] = ts, values - values[0]
    figure, _ = plot_energy(curves, energy_name="true energy, change since the start")
    settings.save_figure(figure, "pendulum-energy")


def _force_figure(models: dict):
    """The learned force inside and beyond the data, the first seed."""
    from matplotlib.figure import Figure

    task = TASKS["pendulum"]
    q = np.linspace(-3.2, 3.2, 300)[None]
    figure = Figure(figsize=(8.4, 4.0), layout="constrained")
    axis = figure.subplots()
    axis.axvspan(-task.reach, task.reach, color="#eeeeee", label="range of the data")
    axis.plot(q[0], task.system.field.kick(0.0, q)[0], color="#222222", linewidth=3, label="truth")
    for kind, trained in models.items():
        force = trained.members()[0].field.kick(0.0, q)[0]
        axis.plot(q[0], force, "-" if kind == TAYLOR else "--", linewidth=1.4, label=kind)
    axis.set(xlabel="q", ylabel="force", ylim=(-1.6, 1.6))
    axis.legend(frameon=False)
    return figure
