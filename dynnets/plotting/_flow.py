"""Flows over long times: components in windows, sections."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._canvas import (
    FADED,
    as_curve,
    check_curves,
    colours,
    legend_beside,
    line_styles,
    new_axes,
    padded_range,
    tidy,
)

_BOUNDARY = "#999999"


def plot_windows(
    truth: Any,
    curves: Mapping,
    windows: Sequence[tuple],
    *,
    names: Sequence[str] | None = None,
    truth_name: str = "truth",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw components against time in several windows: a row a component, a column a window.

    The ranges are those of the truth.

    **Arguments:**

    - `truth`: the pair `(ts (n,), xs (n, d))`; `truth_name`: its name in the legend.
    - `curves`: `name -> (ts (m,), xs (m, d))`, drawn over it.
    - `windows`: pairs of times, the first and the last of each window.
    - `names`: the names of the `d` components.
    - `axes`: `d * len(windows)` matplotlib axes to draw on instead of a new figure.

    **Returns** `(figure, axes (d, windows))`. Raises `ValueError` for mismatched shapes.
    """
    ts, xs = as_curve(truth_name, truth)
    curves = check_curves(curves)
    rows = xs.shape[1]
    names = tuple(names or (f"x{i}" for i in range(rows)))
    size = (1.0 + 4.4 * len(windows), 1.2 + 1.7 * rows)
    figure, axes = new_axes(rows, len(windows), size=size, axes=axes, sharex="col", sharey="row")
    styles = line_styles(curves)
    for k, (low, high) in enumerate(windows):
        for i in range(rows):
            axis = axes[i, k]
            axis.plot(ts, xs[:, i], color=FADED, linewidth=4.0, label=truth_name)
            for name, (times, values) in curves.items():
                axis.plot(times, values[:, i], linewidth=1.1, label=name, **styles[name])
            axis.set_xlim(low, high)
            axis.set_ylim(*padded_range(xs[:, i], 0.25))
            tidy(axis, x="time" if i == rows - 1 else None, y=names[i] if k == 0 else None)
    legend_beside(figure, axes[0, 0])
    return figure, axes


def plot_section(
    panels: Mapping,
    *,
    names: Sequence[str] = ("x0", "x1"),
    boundary: Any = None,
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw Poincare sections side by side.

    They show closed curves where the motion is regular, and a cloud where it is not.

    **Arguments:**

    - `panels`: `title -> sequence of points (m, 2)`; each orbit of a panel has its own colour.
    - `names`: the names of the two components.
    - `boundary (k, 2)`: the edge of what the energy allows.
    - `axes`: the matplotlib axes to draw on instead of a new figure, one for each panel.

    **Returns** `(figure, axes)`. Raises `ValueError` for no panel and points of another shape.
    """
    if not panels:
        raise ValueError("at least one panel is needed, got none")
    figure, axes = new_axes(
        1, len(panels), size=(4.4 * len(panels), 4.6), axes=axes, sharex=True, sharey=True
    )
    for axis, (title, orbits) in zip(axes[0], panels.items(), strict=True):
        if boundary is not None:
            axis.plot(*np.asarray(boundary).T, color=_BOUNDARY, linewidth=1.0)
        palette = list(colours(map(str, range(len(orbits)))).values())
        for points, colour in zip(orbits, palette, strict=True):
            points = np.asarray(points)
            if points.ndim != 2 or points.shape[1] != 2:
                raise ValueError(f"the section {title!r} needs points (m, 2), got {points.shape}")
            axis.plot(points[:, 0], points[:, 1], ".", color=colour, markersize=2)
        axis.set_title(title, fontsize=10)
        tidy(axis, x=names[0], y=names[1] if axis is axes[0, 0] else None)
    return figure, axes
