"""Arrows of a vector field in one plane of the state."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from dynnets.fields import batched_field

from ._canvas import DATA, as_curve, legend_beside, line_styles, new_axes, padded_range, tidy
from ._phase_portrait import check_plane, plane_grid


def plot_field(
    field: Callable,
    xs: Any,
    paths: Mapping | None = None,
    *,
    plane: tuple[int, int] | None = None,
    at: Any = None,
    names: Sequence[str] | None = None,
    points: int = 21,
    time: float = 0.0,
    args: Any = None,
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw arrows of `f(t, x, args)` in one plane, with trajectories over them.

    **Arguments:**

    - `field`: a function `f(t, x, args)` of one state `(d,)`.
    - `xs (n, d)`: the states that span the picture; they are drawn as dots.
    - `paths`: `name -> xs (m, d)`; each is drawn as a line.
    - `plane`: the two components to show, by default the first coordinate and its momentum;
      `at (d,)`: where the other components are held, by default at their mean.
    - `names`: the names of the `d` components.
    - `points`: how many arrows stand on each side of the grid.
    - `time`, `args`: what the field is given besides the state.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for a bad plane or mismatched shapes.
    """
    xs = np.asarray(xs)
    if xs.ndim != 2 or xs.shape[1] < 2:
        raise ValueError(f"a field is drawn over states (n, d) with d >= 2, got {xs.shape}")
    i, j = check_plane(plane, xs.shape[1])
    names = tuple(names or (f"x{k}" for k in range(xs.shape[1])))
    figure, axes = new_axes(size=(6.0, 5.6), axes=axes)
    axis = axes[0, 0]
    first, second, states = plane_grid(xs, (i, j), at, points)
    flat = jnp.asarray(states.reshape(-1, xs.shape[1]))
    rates = np.asarray(batched_field(field, time, flat.T, args).T)
    axis.quiver(
        *np.meshgrid(first, second), rates[:, i], rates[:, j], color="#9a9a9a", width=0.0032
    )
    axis.plot(xs[:, i], xs[:, j], ".", color=DATA, markersize=2, alpha=0.6)
    styles = line_styles(paths or {})
    for name, path in (paths or {}).items():
        path = as_curve(name, (np.zeros(len(path)), path))[1]
        axis.plot(path[:, i], path[:, j], linewidth=1.4, label=name, **styles[name])
    axis.set_xlim(*padded_range(xs[:, i], 0.15))
    axis.set_ylim(*padded_range(xs[:, j], 0.15))
    tidy(axis, x=names[i], y=names[j], grid=False)
    legend_beside(figure, axis)
    return figure, axis
