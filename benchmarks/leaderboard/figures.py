"""The leaderboard's figures: error growth, energy against error, accuracy against cost."""

import math

import numpy as np
from matplotlib.figure import Figure

from benchmarks.harness import Settings
from benchmarks.leaderboard.learner import HORIZONS
from dynnets.plotting import plot_scaling

NOWHERE = np.array([np.nan]), np.array([np.nan])
"""The curve of a learner that has no number on a task: it keeps its colour for the others."""


def _growth(measures: dict):
    """Error against horizon."""
    errors = [measures[f"error at {h}x"] for h in HORIZONS]
    known = [(h, np.median(e)) for h, e in zip(HORIZONS, errors, strict=True) if e]
    return tuple(np.array(known, float).T) if known else NOWHERE


def _point(x: str, y: str):
    """The medians of two measures."""

    def point(measures: dict):
        found = measures[x], measures[y]
        return tuple(np.array([np.median(m)]) for m in found) if all(found) else NOWHERE

    return point


def _front(axis, points) -> None:
    """A line through the points that no other one beats in both respects."""
    best, kept = math.inf, []
    for x, y in sorted((float(x[0]), float(y[0])) for x, y in points if np.isfinite(y[0])):
        if y < best:
            best, kept = y, [*kept, (x, y)]
    axis.plot(*np.array(kept).T, color="0.8", linewidth=3, zorder=0, scalex=False, scaley=False)


def _panels(settings: Settings, label: str, found: dict, curve, x_name, y_name, front=False):
    names = {name: None for cells in found.values() for name in cells}  # in order, each once
    drawn = {
        task: {name: curve(cells[name]) if name in cells else NOWHERE for name in names}
        for task, cells in found.items()
    }
    drawn = {
        task: lines
        for task, lines in drawn.items()
        if any(np.isfinite(y).any() for _, y in lines.values())
    }
    if not drawn:
        return
    columns = min(4, len(drawn))
    rows = math.ceil(len(drawn) / columns)
    figure = Figure(figsize=(4.1 * columns, 3.2 * rows + 1.2), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for i, (axis, (name, lines)) in enumerate(zip(axes.flat, drawn.items(), strict=False)):
        plot_scaling(lines, x_name=x_name, y_name=y_name, axes=axis, legend=i == 0)
        if front:
            _front(axis, lines.values())
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

    energy = _point("error at 100x", "energy drift")
    _panels(settings, "energy", simulated, energy, "error at 100x", "energy drift")
    cost = _point("inference ns", "error at 10x")
    names = "ns per interval and sample", "error at 10x"
    _panels(settings, "cost", found, cost, *names, front=True)
