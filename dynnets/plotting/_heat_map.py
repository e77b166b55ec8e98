"""A table of positive numbers as shades, the number in every cell."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._canvas import DATA, new_axes


def plot_heat_map(
    values: Any,
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    name: str = "error",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw a table of positive numbers, shaded on a logarithmic scale: darker is larger.

    **Arguments:** `values (rows, columns)`: the numbers; cells that are not finite stay white and
    say so; `rows`, `columns`: the labels of both; `name`: that of the values; `axes`: the
    matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for labels that do not fit.
    """
    values = np.asarray(values, float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"{len(rows)} x {len(columns)} labels, but values {values.shape}")
    size = (2.6 + 1.2 * len(columns), 1.4 + 0.5 * len(rows))
    figure, axes = new_axes(size=size, axes=axes)
    axis = axes[0, 0]
    good = np.isfinite(values) & (values > 0)
    shade = np.where(good, np.log10(np.where(good, values, 1.0)), np.nan)
    low, high = (np.nanmin(shade), np.nanmax(shade)) if good.any() else (0.0, 1.0)
    axis.imshow(shade, cmap="Blues", vmin=low, vmax=high + 0.6 * (high - low), aspect="auto")
    for i, j in np.ndindex(values.shape):
        text = f"{values[i, j]:.3g}" if good[i, j] else "diverged"
        axis.text(j, i, text, ha="center", va="center", fontsize=9, color=DATA)
    axis.set_xticks(range(len(columns)), columns, fontsize=9)
    axis.set_yticks(range(len(rows)), rows, fontsize=9)
    axis.set_title(name, fontsize=10)
    axis.spines[:].set_visible(False)
    return figure, axis
