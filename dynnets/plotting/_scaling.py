"""How one quantity scales with another: costs, memory and errors on logarithmic axes."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ._canvas import check_curves, legend_beside, line_styles, new_axes, tidy

_MARKERS = "os^Dv<>pX*"


def plot_scaling(
    curves: Mapping, *, x_name: str, y_name: str, axes: Any = None, legend: bool = True
) -> tuple[Any, Any]:
    """Draw two positive quantities against each other, both on logarithmic scales.

    **Arguments:**

    - `curves`: `name -> (x (n,), y (n,))`; of `y (n, k)` of `k` seeds the median is drawn. Values
      that are not positive and finite leave a gap.
    - `x_name`, `y_name`: the labels of the axes, with units.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.
    - `legend`: whether to name the curves above the figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no curve and mismatched shapes.
    """
    curves = check_curves(curves)
    figure, axes = new_axes(size=(7.2, 4.6), axes=axes)
    axis = axes[0, 0]
    styles = line_styles(curves)
    for i, (name, (x, y)) in enumerate(curves.items()):
        y = np.median(y, axis=1) if y.ndim == 2 else y
        y = np.where(np.isfinite(y) & (y > 0), y, np.nan)
        marker = _MARKERS[i % len(_MARKERS)]
        axis.plot(x, y, marker=marker, markersize=4.5, label=name, **styles[name])
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(_two_decades(*axis.get_xlim()), auto=None)  # what is drawn later still counts
    axis.set_ylim(_two_decades(*axis.get_ylim()), auto=None)
    axis.tick_params(which="minor", labelbottom=False, labelleft=False)
    tidy(axis, x=x_name, y=y_name)
    if legend:
        legend_beside(figure, axis)
    return figure, axis


def _two_decades(low: float, high: float) -> tuple[float, float]:
    """The limits, widened until two powers of ten are within: their labels name the scale."""
    low_power, high_power = math.log10(low), math.log10(high)
    if math.floor(high_power) > math.ceil(low_power):
        return low, high
    return 10.0 ** math.floor(low_power), 10.0 ** math.ceil(high_power)


def plot_work_precision(
    curves: Mapping,
    *,
    cost_name: str = "seconds",
    error_name: str = "largest relative energy error",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw a work-precision diagram: the error that each method makes against what it costs.

    Lower and further left is better; the slope of an explicit method of order `r` is `-r`.

    **Arguments:** `curves`: `name -> (costs (n,), errors (n,))`, one point for each step size or
    tolerance; `cost_name`, `error_name`: the labels of the axes; `axes`: the matplotlib axis to
    draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no curve and mismatched shapes.
    """
    return plot_scaling(curves, x_name=cost_name, y_name=error_name, axes=axes)
