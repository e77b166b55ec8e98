"""Paths in a rectangular room, impacts marked."""

from collections.abc import Mapping

import numpy as np

from dynnets.plotting import colours, legend_beside, new_axes, tidy

_INK = "#222222"


def plot_room(
    paths: Mapping,
    impacts: Mapping | None = None,
    *,
    size: tuple[float | int, float | int] = (1.0, 1.0),
    unit: str = "",
):
    """Paths of a point in the plane between the walls of `[0, width] x [0, height]`.

    **Arguments:** `paths`: `name -> positions (n, 2)`, the first drawn thick; their starts are
    marked; `impacts`: `name -> positions (m, 2)` where a path of that name met a wall; `size`:
    width and height; `unit`: of length.

    **Returns** `(figure, axis)`. Raises `ValueError` for no path, mismatched shapes and impacts
    of no path.
    """
    curves = {name: np.asarray(xs) for name, xs in paths.items()}
    impacts = impacts or {}
    if not curves or any(xs.ndim != 2 or xs.shape[1] != 2 for xs in curves.values()):
        raise ValueError("at least one path (n, 2) is needed, and no other shape")
    if not set(impacts) <= set(curves):
        raise ValueError(f"impacts of {sorted(set(impacts) - set(curves))}, but no such path")
    figure, axes = new_axes(size=(6.4, 6.6))
    axis, palette = axes[0, 0], colours(curves)
    for number, (name, xs) in enumerate(curves.items()):
        width, colour = (3.2, "#c4c4c4") if number == 0 else (1.1, palette[name])
        axis.plot(*xs.T, color=colour, linewidth=width, label=name, zorder=1 + number)
        axis.plot(*xs[0], "o", color=_INK, markersize=5, zorder=9)
        marks = np.asarray(impacts.get(name, np.zeros((0, 2))))
        style = {"markersize": 9 if number == 0 else 6, "fillstyle": "none", "zorder": 8}
        axis.plot(*marks.T, "s" if number == 0 else "x", color=palette[name], **style)
    wide, high = size
    axis.plot([0, wide, wide, 0, 0], [0, 0, high, high, 0], color=_INK, linewidth=1.4, zorder=0)
    axis.set_xlim(-0.06 * wide, 1.06 * wide)
    axis.set_ylim(-0.06 * high, 1.06 * high)
    axis.set_aspect("equal")
    tidy(axis, x=f"x {unit}".strip(), y=f"y {unit}".strip(), grid=False)
    legend_beside(figure, axis)
    return figure, axis
