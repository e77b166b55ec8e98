"""A table of positive numbers as shades, the number in every cell."""

from collections.abc import Sequence

import numpy as np

from dynnets.plotting import new_axes


def plot_heat_map(values, *, rows: Sequence[str], columns: Sequence[str], name: str = "error"):
    """A table of positive numbers, shaded on a logarithmic scale: darker is larger.

    **Arguments:** `values (rows, columns)`: cells that are not finite stay white and say so;
    `rows`, `columns`: their labels; `name`: of the values.

    **Returns** `(figure, axis)`. Raises `ValueError` for labels that do not fit.
    """
    values = np.asarray(values, float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(f"{len(rows)} x {len(columns)} labels, but values {values.shape}")
    size = (2.6 + 1.2 * len(columns), 1.4 + 0.5 * len(rows))
    figure, axes = new_axes(size=size)
    axis = axes[0, 0]
    good = np.isfinite(values) & (values > 0)
    shade = np.where(good, np.log10(np.where(good, values, 1.0)), np.nan)
    low, high = (np.nanmin(shade), np.nanmax(shade)) if good.any() else (0.0, 1.0)
    axis.imshow(shade, cmap="Blues", vmin=low, vmax=high + 0.6 * (high - low), aspect="auto")
    for i, j in np.ndindex(values.shape):
        text = f"{values[i, j]:.3g}" if good[i, j] else "diverged"
        axis.text(j, i, text, ha="center", va="center", fontsize=9)
    axis.set_xticks(range(len(columns)), columns, fontsize=9)
    axis.set_yticks(range(len(rows)), rows, fontsize=9)
    axis.set_title(name, fontsize=10)
    axis.spines[:].set_visible(False)
    return figure, axis
