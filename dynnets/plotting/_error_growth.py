"""How the error of forecasts grows."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ._canvas import DATA, check_curves, legend_beside, line_styles, new_axes, tidy


def plot_error_growth(
    curves: Mapping,
    *,
    threshold: float | None = None,
    time_name: str = "time since the start of the forecast",
    error_name: str = "error",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw errors of forecasts against time, on a logarithmic scale.

    **Arguments:**

    - `curves`: `name -> (ts (n,), errors (n,))`. Of errors `(n, k)` of `k` seeds the median is
      drawn as a line and their range is shaded.
    - `threshold`: the error that ends the valid time, which is marked.
    - `time_name`, `error_name`: the labels of the axes.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no curve and mismatched shapes.
    """
    curves = check_curves(curves)
    figure, axes = new_axes(size=(8.4, 4.2), axes=axes)
    axis = axes[0, 0]
    styles = line_styles(curves)
    for name, (ts, errors) in curves.items():
        errors = errors[:, None] if errors.ndim == 1 else errors
        errors = np.where(np.isfinite(errors) & (errors > 0), errors, np.nan)
        axis.plot(ts, _quantile(errors, 0.5), linewidth=1.4, label=name, **styles[name])
        if errors.shape[1] > 1:
            low, high = _quantile(errors, 0.0), _quantile(errors, 1.0)
            axis.fill_between(ts, low, high, color=styles[name]["color"], alpha=0.15, linewidth=0)
    if threshold is not None:
        axis.axhline(threshold, color=DATA, linewidth=0.8, linestyle=":")
        axis.annotate(
            "end of the valid time",
            (1.0, threshold),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="#777777",
        )
    axis.set_yscale("log")
    tidy(axis, x=time_name, y=error_name)
    legend_beside(figure, axis)
    return figure, axis


def _quantile(errors: np.ndarray, share: float) -> np.ndarray:
    """The quantile over the seeds that are finite; NaN where none is."""
    missing = np.all(np.isnan(errors), axis=1)
    filled = np.where(missing[:, None], 1.0, errors)
    return np.where(missing, np.nan, np.nanquantile(filled, share, axis=1))
