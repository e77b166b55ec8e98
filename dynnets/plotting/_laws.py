"""Learned laws of force against the distance."""

from collections.abc import Mapping
from typing import Any

from ._canvas import DATA, check_curves, legend_beside, line_styles, new_axes, tidy


def plot_law(
    curves: Mapping,
    *,
    reference: float | None = None,
    distances: Any = None,
    distance_name: str = "distance",
    law_name: str = "local exponent of the potential",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw learned laws against the distance, on a logarithmic axis of distances.

    **Arguments:**

    - `curves`: `name -> (r (n,), values (n,))`.
    - `reference`: the value of the known law, which is drawn as a dotted line.
    - `distances (k,)`: the distances at which pairs were measured, which are marked at the bottom.
    - `distance_name`, `law_name`: the labels of the axes.
    - `axes`: the matplotlib axis to draw on instead of one of a new figure.

    **Returns** `(figure, axis)`. Raises `ValueError` for no curve and mismatched shapes.
    """
    curves = check_curves(curves)
    figure, axes = new_axes(size=(7.4, 4.0), axes=axes)
    axis = axes[0, 0]
    styles = line_styles(curves)
    for name, (r, values) in curves.items():
        axis.plot(r, values, linewidth=1.6, label=name, **styles[name])
    if reference is not None:
        axis.axhline(reference, color=DATA, linewidth=0.9, linestyle=":", label="known law")
    if distances is not None:
        axis.plot(
            distances,
            [0.015] * len(distances),
            "|",
            color=DATA,
            alpha=0.4,
            transform=axis.get_xaxis_transform(),
            label="measured distances",
        )
    axis.set_xscale("log")
    tidy(axis, x=distance_name, y=law_name)
    legend_beside(figure, axis)
    return figure, axis
