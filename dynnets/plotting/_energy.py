"""Energies against time."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._canvas import DATA, check_curves, legend_beside, line_styles, new_axes, padded_range, tidy


def plot_energy(
    curves: Mapping,
    *,
    measured: Mapping | None = None,
    held_out: float | None = None,
    time_name: str = "time",
    energy_name: str = "energy",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw energies along forecasts, and along the measured record beside them.

    **Arguments:**

    - `curves`: `name -> (ts (n,), values (n,))`; each is drawn as a line.
    - `measured`: the same along the record, drawn as dots in the colour of its name.
    - `held_out`: the time at which the forecasts begin, which is marked.
    - `time_name`, `energy_name`: the labels of the axes.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no curve and mismatched shapes.
    """
    curves = check_curves(curves)
    dots = {} if measured is None else check_curves(measured)
    figure, axes = new_axes(size=(8.4, 4.0), axes=axes)
    axis = axes[0, 0]
    styles = line_styles(dict.fromkeys([*curves, *dots]))
    for name, (ts, values) in dots.items():
        axis.plot(ts, values, ".", color=styles[name]["color"], markersize=3, alpha=0.35)
    for name, (ts, values) in curves.items():
        axis.plot(ts, values, linewidth=1.6, label=name, **styles[name])
    if dots:
        axis.plot([], [], ".", color=DATA, label="along the measured record")
    if held_out is not None:
        axis.axvline(held_out, color=DATA, linewidth=0.8, linestyle=":")
    shown = list(dots.values()) or list(curves.values())
    values = np.concatenate([v for _, v in [*shown, *((t, v[:1]) for t, v in curves.values())]])
    axis.set_ylim(*padded_range(values, 0.15))
    tidy(axis, x=time_name, y=energy_name)
    legend_beside(figure, axis)
    return figure, axis
