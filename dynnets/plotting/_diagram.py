"""Graphical models: circles for variables, arrows for what makes what."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ._canvas import DATA, FADED, new_axes

_RADIUS = 0.28


def _arrow(axis, start, end, label: str) -> None:
    rim = _RADIUS / math.dist(start, end)  # from rim to rim: heads are not hidden by circles
    tail, head = (
        tuple(a + part * (b - a) for a, b in zip(start, end, strict=True))
        for part in (rim, 1 - rim)
    )
    style = {"arrowstyle": "-|>", "color": DATA, "shrinkA": 0, "shrinkB": 0}
    axis.annotate("", head, tail, arrowprops=style)
    if label:
        middle = tuple((a + b) / 2 for a, b in zip(start, end, strict=True))
        beside = abs(end[0] - start[0]) < abs(end[1] - start[1])
        offset, place = ((6, 0), "left") if beside else ((0, 5), "center")
        axis.annotate(
            label, middle, xytext=offset, textcoords="offset points", ha=place, fontsize=8
        )


def plot_graphical_models(
    models: Mapping[str, tuple[Mapping, Sequence]],
    *,
    observed: Sequence[str] = (),
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw directed graphical models side by side.

    **Arguments:**

    - `models`: `title -> (nodes, edges)`. The nodes are `name -> (x, y)` in units of about two
      circles, the edges triples `(from, to, label)`.
    - `observed`: the names of the nodes that are drawn shaded.
    - `axes`: the matplotlib axes to draw on instead of a new figure, one for each model.

    **Returns** `(figure, axes)`. Raises `ValueError` for no model and an edge whose end is no node.
    """
    from matplotlib.patches import Circle

    if not models:
        raise ValueError("at least one model is needed, got none")
    wide = [1 + max(x for x, _ in nodes.values()) for nodes, _ in models.values()]
    size, ratios = (1.5 * sum(wide) + 1, 3.4), {"width_ratios": wide}
    figure, axes = new_axes(1, len(models), size=size, axes=axes, gridspec_kw=ratios)
    for axis, (title, (nodes, edges)) in zip(axes[0], models.items(), strict=True):
        for start, end, label in edges:
            if start not in nodes or end not in nodes:
                raise ValueError(f"the edge {start!r} -> {end!r} of {title!r} ends at no node")
            _arrow(axis, nodes[start], nodes[end], label)
        for name, place in nodes.items():
            fill = FADED if name in observed else "white"
            axis.add_patch(Circle(place, _RADIUS, facecolor=fill, edgecolor=DATA, zorder=3))
            axis.annotate(name, place, ha="center", va="center", fontsize=10, zorder=4)
        xs, ys = zip(*nodes.values(), strict=True)
        axis.set_xlim(min(xs) - 0.6, max(xs) + 0.6)
        axis.set_ylim(min(ys) - 0.6, max(ys) + 0.6)
        axis.set_aspect("equal")
        axis.set_axis_off()
        axis.set_title(title, fontsize=10)
    return figure, axes
