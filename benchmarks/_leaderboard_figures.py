"""The leaderboard's figures: error growth, energy against error, accuracy against cost."""

import math

import numpy as np
from matplotlib.figure import Figure

from benchmarks._harness import Settings
from benchmarks._leaderboard import HORIZONS
from dynnets.plotting import plot_scaling


def _growth(cells: dict) -> dict:
    """Error against horizon, a curve per learner."""
    curves = {}
    for name, measures in cells.items():
        errors = [measures[f"error at {h}x"] for h in HORIZONS]
        kept = [(h, e) for h, e in zip(HORIZONS, errors, strict=True) if e]
        curves[name] = (np.array([h for h, _ in kept]), np.array([e for _, e in kept]))
    return curves


def _points(cells: dict, x: str, y: str) -> dict:
    """One point per learner: the medians of two measures."""
    return {
        name: (np.array([np.median(m[x])]), np.array([np.median(m[y])]))
        for name, m in cells.items()
        if m[x] and m[y]
    }


def _panels(settings: Settings, label: str, found: dict, curves, x_name: str, y_name: str):
    drawn = {name: curves(cells) for name, cells in found.items()}
    drawn = {name: lines for name, lines in drawn.items() if lines}
    if not drawn:
        return
    columns = min(4, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure = Figure(figsize=(4.1 * columns, 3.2 * rows + 1.2), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, (axis, (name, lines)) in enumerate(zip(axes.flat, drawn.items(), strict=False)):
        plot_scaling(lines, x_name=x_name, y_name=y_name, axes=axis, legend=i == 0)
        axis.set_title(name, fontsize=10)
    for axis in axes.flat[len(drawn) :]:
        axis.set_axis_off()
    settings.save_figure(figure, label)


def figures(settings: Settings, found: dict) -> None:
    """Write the three figures; a panel per task."""
    if settings.figures is None:
        return
    _panels(settings, "errors", found, _growth, "horizon / training window", "error")
    simulated = {name: cells for name, cells in found.items() if "measured" not in name}

    def energy(cells):
        return _points(cells, "error at 100x", "energy drift")

    _panels(settings, "energy", simulated, energy, "error at 100x", "energy drift")

    def cost(cells):
        return _points(cells, "inference ns", "error at 10x")

    _panels(settings, "cost", found, cost, "ns per interval and sample", "error at 10x")
