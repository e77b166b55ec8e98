"""Paths in a rectangular room, impacts marked."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._canvas import DATA, as_curve, colours, legend_beside, new_axes, tidy


def plot_room(
    paths: Mapping,
    impacts: Mapping | None = None,
    *,
    size: tuple[float | int, float | int] = (1.0, 1.0),
    unit: str = "",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw paths of a point in the plane between the walls of `[0, width] x [0, height]`.

    **Arguments:**

    - `paths`: `name -> positions (n, 2)`; the first is drawn thick, and all starts are marked.
    - `impacts`: `name -> positions (m, 2)` where the path of that name met a wall.
    - `size`: the width and the height of the room; `unit`: the unit of length.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no path, mismatched shapes and impacts
    of no path.
    """
    curves = {name: as_curve(name, (np.zeros(len(xs)), xs))[1] for name, xs in paths.items()}
    impacts = impacts or {}
    if not curves or any(xs.shape[1:] != (2,) for xs in curves.values()):
        raise ValueError("at least one path (n, 2) is needed, and no other shape")
    if not set(impacts) <= set(curves):
        raise ValueError(f"impacts of {sorted(set(impacts) - set(curves))}, but no such path")
    figure, axes = new_axes(size=(6.4, 6.6), axes=axes)
    axis, palette = axes[0, 0], colours(curves)
    for number, (name, xs) in enumerate(curves.items()):
        width, colour = (3.2, "#c4c4c4") if number == 0 else (1.1, palette[name])
        axis.plot(*xs.T, color=colour, linewidth=width, label=name, zorder=1 + number)
        axis.plot(*xs[0], "o", color=DATA, markersize=5, zorder=9)
        marks = np.asarray(impacts.get(name, np.zeros((0, 2))))
        style = {"markersize": 9 if number == 0 else 6, "fillstyle": "none", "zorder": 8}
        axis.plot(*marks.T, "s" if number == 0 else "x", color=palette[name], **style)
    wide, high = size
    axis.plot([0, wide, wide, 0, 0], [0, 0, high, high, 0], color=DATA, linewidth=1.4, zorder=0)
    axis.set_xlim(-0.06 * wide, 1.06 * wide)
    axis.set_ylim(-0.06 * high, 1.06 * high)
    axis.set_aspect("equal")
    tidy(axis, x=f"x {unit}".strip(), y=f"y {unit}".strip(), grid=False)
    legend_beside(figure, axis)
    return figure, axis
