"""Flows over long times: orbits over level sets, components in windows, residuals, sections."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._canvas import (
    DATA,
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
from ._phase_portrait import check_plane, plane_grid

_BOUNDARY = "#999999"


def plot_flow_orbits(
    energy: Callable,
    orbits: Mapping,
    *,
    segment: int = 0,
    levels: Mapping | None = None,
    plane: tuple[int, int] | None = None,
    names: Sequence[str] | None = None,
    time: float = 0.0,
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw long orbits in one plane of the state, one panel each, over level sets of the energy.

    In a plane `(q, p)` a conserved energy keeps the orbit on the line of its start. With more
    degrees of freedom the other components are zero on the drawn lines, which bound the part of
    the plane that the orbit may enter only if no other value of these lowers the energy there.

    **Arguments:**

    - `energy`: a function `H(t, x)` of one state.
    - `orbits`: `name -> xs (m, d)`, one for each panel.
    - `segment`: how many samples at the beginning are drawn thick: what the flow was trained to do
      in one go.
    - `levels`: `name -> value` of the level set to draw, by default the energy of the first state.
    - `plane`: the two components to show, by default the first coordinate and its momentum.
    - `names`: the names of the `d` components.
    - `time`: the `t` in `H(t, x)`.
    - `axes`: the matplotlib axes to draw on instead of a new figure, one for each orbit.

    **Returns** `(figure, axes)`. Raises `ValueError` for no orbit, a bad plane or bad shapes.
    """
    curves = {n: as_curve(n, (np.zeros(len(xs)), xs))[1] for n, xs in orbits.items()}
    if not curves:
        raise ValueError("at least one orbit is needed, got none")
    first = next(iter(curves.values()))
    i, j = check_plane(plane, first.shape[1])
    names = tuple(names or (f"x{k}" for k in range(first.shape[1])))
    if levels is None:
        levels = {"energy of the start": float(energy(time, jnp.asarray(first[0])))}
    size = (4.3 * len(curves), 4.6)
    figure, axes = new_axes(1, len(curves), size=size, axes=axes, sharex=True, sharey=True)
    palette = colours(curves)
    every = np.concatenate([xs[np.isfinite(xs).all(axis=1)] for xs in curves.values()])
    grid = plane_grid(every, (i, j), np.zeros(first.shape[1]), 160)
    flat = jnp.asarray(grid[2].reshape(-1, first.shape[1]))
    values = np.asarray(jax.vmap(lambda x: energy(time, x))(flat)).reshape(grid[2].shape[:2])
    for axis, (name, xs) in zip(axes[0], curves.items(), strict=True):
        _lines(axis, grid, values, levels)
        axis.plot(xs[:, i], xs[:, j], ".", color=palette[name], markersize=1.6, alpha=0.6)
        if segment:
            start = xs[:segment]
            axis.plot(start[:, i], start[:, j], color=DATA, linewidth=3.2, label="first dt")
        axis.set_title(name, fontsize=10)
        tidy(axis, x=names[i], y=names[j] if axis is axes[0, 0] else None, grid=False)
    legend_beside(figure, axes[0, 0])
    return figure, axes


def _lines(axis, grid, values, levels) -> None:
    styles = ("-", "--", ":")
    for k, (label, level) in enumerate(levels.items()):
        style = styles[k % len(styles)]
        if values.min() < level < values.max():
            axis.contour(
                grid[0], grid[1], values, [level], colors=_BOUNDARY, linestyles=style, linewidths=2
            )
        axis.plot([], [], color=_BOUNDARY, linestyle=style, linewidth=2, label=label)


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


def plot_residuals(
    panels: Mapping,
    *,
    names: Sequence[str] | None = None,
    curve_name: str = "network",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw solutions over their truth, and the size of what is left of the equation below.

    **Arguments:**

    - `panels`: `title -> (ts (n,), truth (n, d), curve (n, d), residual (n,))`, one column each.
    - `names`: the names of the `d` components; `curve_name`: that of the curve in the legend.
    - `axes`: two rows of matplotlib axes to draw on instead of a new figure.

    **Returns** `(figure, axes (2, columns))`. Raises `ValueError` for no panel, mismatched shapes.
    """
    if not panels:
        raise ValueError("at least one panel is needed, got none")
    figure, axes = new_axes(2, len(panels), size=(4.6 * len(panels), 5.0), axes=axes, sharex="col")
    for k, (title, (ts, truth, curve, residual)) in enumerate(panels.items()):
        above, below = axes[0, k], axes[1, k]
        truth, curve = as_curve(title, (ts, truth))[1], as_curve(title, (ts, curve))[1]
        labels = tuple(names or (f"x{i}" for i in range(truth.shape[1])))
        styles = line_styles(labels)
        for i, label in enumerate(labels):
            above.plot(ts, truth[:, i], color=FADED, linewidth=4, label=None if i else "truth")
            style = {"label": f"{curve_name}, {label}", **styles[label]}
            above.plot(ts, curve[:, i], linewidth=1.2, **style)
        above.set_ylim(*padded_range(truth, 0.2))
        above.set_title(title, fontsize=9)
        below.semilogy(*as_curve(title, (ts, residual)), color=DATA, linewidth=0.9)
        tidy(above)
        tidy(below, x="time", y="|residual|" if k == 0 else None)
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
