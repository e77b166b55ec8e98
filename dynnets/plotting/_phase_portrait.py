"""Phase portraits: level sets of an energy, the record and forecasts in one plane of the state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ._canvas import DATA, FADED, as_curve, legend_beside, line_styles, new_axes, padded_range, tidy


def plane_grid(xs: np.ndarray, plane: tuple[int, int], at: Any, points: int):
    """States on a grid of one plane, the other components held at `at` (default: their mean).

    **Returns** the two axes of the grid and the states `(points, points, d)`.
    """
    i, j = plane
    at = xs.mean(axis=0) if at is None else np.asarray(at, dtype=xs.dtype)
    first = np.linspace(*padded_range(xs[:, i], 0.15), points)
    second = np.linspace(*padded_range(xs[:, j], 0.15), points)
    states = np.broadcast_to(at, (points, points, xs.shape[1])).copy()
    states[..., i], states[..., j] = first[None, :], second[:, None]
    return first, second, states


def check_plane(plane: tuple[int, int] | None, dim: int) -> tuple[int, int]:
    """The plane, by default of the first coordinate and its momentum.

    Raises `ValueError` unless it names two different components of the `dim` that there are.
    """
    plane = (0, dim // 2) if plane is None else tuple(plane)
    if len(plane) != 2 or plane[0] == plane[1] or not all(0 <= k < dim for k in plane):
        raise ValueError(f"plane must be two different components below {dim}, got {plane}")
    return plane


def plot_phase_portrait(
    energy: Callable | None,
    xs: Any,
    forecasts: Mapping,
    *,
    plane: tuple[int, int] | None = None,
    at: Any = None,
    names: Sequence[str] | None = None,
    levels: int = 14,
    time: float = 0.0,
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw level sets of an energy behind the record and forecasts, in one plane of the state.

    A forecast by `J grad H` of this energy stays on the level set where it began; a damped
    record crosses them inwards.

    **Arguments:**

    - `energy`: a function `H(t, x)` of one state `(d,)`, or `None` for no level sets.
    - `xs (n, d)`: the measured states; the range of the picture is theirs.
    - `forecasts`: `name -> xs (m, d)`.
    - `plane`: the two components to show, by default the first coordinate and its momentum.
    - `at (d,)`: where the other components are held for the level sets, by default at their mean.
    - `names`: the names of the `d` components.
    - `levels`: how many level sets to draw; `time`: the `t` in `H(t, x)`.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for a bad plane or mismatched shapes.
    """
    xs = np.asarray(xs)
    if xs.ndim != 2 or xs.shape[1] < 2:
        raise ValueError(f"a phase portrait needs states (n, d) with d >= 2, got {xs.shape}")
    i, j = check_plane(plane, xs.shape[1])
    names = tuple(names or (f"x{k}" for k in range(xs.shape[1])))
    figure, axes = new_axes(size=(6.4, 5.6), axes=axes)
    axis = axes[0, 0]
    if energy is not None:
        _level_sets(figure, axis, energy, xs, (i, j), at, levels, time)
    axis.plot(xs[:, i], xs[:, j], ".", color=DATA, markersize=3, alpha=0.7, label="measured")
    styles = line_styles(forecasts)
    for name, path in forecasts.items():
        path = as_curve(name, (np.zeros(len(path)), path))[1]
        axis.plot(path[:, i], path[:, j], linewidth=1.1, label=name, **styles[name])
    axis.set_xlim(*padded_range(xs[:, i], 0.15))
    axis.set_ylim(*padded_range(xs[:, j], 0.15))
    tidy(axis, x=names[i], y=names[j], grid=False)
    legend_beside(figure, axis)
    return figure, axis


def _level_sets(figure, axis, energy, xs, plane, at, levels, time) -> None:
    first, second, states = plane_grid(xs, plane, at, 96)
    flat = jnp.asarray(states.reshape(-1, xs.shape[1]))
    values = np.asarray(jax.vmap(lambda x: energy(time, x))(flat)).reshape(states.shape[:2])
    values = values - values.min()
    edges = np.linspace(0.0, float(np.quantile(values, 0.97)), levels + 1)
    if not edges[-1] > 0:
        return
    shades = axis.contourf(
        first, second, values, levels=edges, cmap="Blues", alpha=0.45, extend="max"
    )
    axis.contour(first, second, values, levels=edges, colors=FADED, linewidths=0.6)
    bar = figure.colorbar(shades, ax=axis, shrink=0.85, pad=0.02)
    bar.set_label("energy above its lowest value here")
    bar.outline.set_visible(False)
