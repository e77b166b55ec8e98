"""Orbits of several bodies in one plane."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._canvas import DATA, as_curve, colours, legend_beside, new_axes, tidy


def plot_orbits(
    measured: Any,
    forecasts: Mapping,
    *,
    bodies: Sequence[str] | None = None,
    unit: str = "",
    record_name: str = "measured",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw positions of several bodies seen from above, forecasts over the record.

    **Arguments:**

    - `measured (n, bodies, 2 or 3)`: the positions of the record, of which the first two components
      are drawn.
    - `forecasts`: `name -> positions (m, bodies, 2 or 3)`, whose ends are marked.
    - `bodies`: the names of the bodies; `unit`: the unit of length.
    - `record_name`: how the legend calls the record.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for mismatched shapes.
    """
    measured = np.asarray(measured)
    if measured.ndim != 3 or measured.shape[2] not in (2, 3):
        raise ValueError(f"positions must be (n, bodies, 2 or 3), got {measured.shape}")
    figure, axes = new_axes(size=(6.8, 6.8), axes=axes)
    axis = axes[0, 0]
    for k in range(measured.shape[1]):
        label = record_name if k == 0 else None
        axis.plot(*measured[:, k, :2].T, color="#c4c4c4", linewidth=2.6, label=label, zorder=1)
        if bodies is not None:
            _name_orbit(axis, measured[:, k, :2], bodies[k])
    palette = colours(forecasts)
    for name, path in forecasts.items():
        path = as_curve(name, (np.zeros(len(path)), path))[1]
        for k in range(path.shape[1]):
            label = name if k == 0 else None
            axis.plot(*path[:, k, :2].T, color=palette[name], linewidth=0.9, label=label)
            axis.plot(*path[-1, k, :2], "o", color=palette[name], markersize=4)
    for k in range(measured.shape[1]):
        axis.plot(*measured[-1, k, :2], "o", color=DATA, markersize=7, fillstyle="none")
    reach = 1.08 * float(np.abs(measured[..., :2]).max())
    axis.set_xlim(-reach, reach)
    axis.set_ylim(-reach, reach)
    axis.set_aspect("equal")
    tidy(axis, x=f"x {unit}".strip(), y=f"y {unit}".strip())
    legend_beside(figure, axis)
    return figure, axis


def _name_orbit(axis, path: np.ndarray, name: str) -> None:
    top = path[np.argmax(path[:, 1])]
    axis.annotate(name, top, xytext=(0, 3), textcoords="offset points", ha="center", fontsize=8)
