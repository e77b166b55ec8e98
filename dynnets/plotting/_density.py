"""Densities and potentials of the plane, side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._canvas import new_axes, tidy


def plot_planes(
    rows: Mapping,
    extent: Sequence[float | int],
    *,
    titles: Sequence[str] | None = None,
    names: Sequence[str] = ("q0", "q1"),
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw functions of the plane as shaded squares, one row for each kind.

    **Arguments:**

    - `rows`: `name -> values (columns, n, n)`. In a square the first index runs from the bottom to
      the top and the second from left to right; an entry that is `None` leaves its place empty.
    - `extent`: `(left, right, bottom, top)` of every square.
    - `titles`: the titles above the columns.
    - `names`: the names of the two components.
    - `axes`: the matplotlib axes to draw on instead of a new figure, one for each square.

    Every square has its own shades, from its least to its greatest value. **Returns** `(figure,
    axes (rows, columns))`. Raises `ValueError` for no row and rows of different length.
    """
    counts = {len(values) for values in rows.values()}
    if len(counts) != 1:
        raise ValueError(f"rows of one length are needed, got {counts or 'none'}")
    columns = counts.pop()
    size = (1.9 * columns + 0.8, 2.0 * len(rows) + 0.4)
    figure, axes = new_axes(len(rows), columns, size=size, axes=axes)
    for line, (name, values) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, values, strict=True):
            if image is None:
                axis.set(xticks=[], yticks=[])
                axis.spines[:].set_visible(False)
                continue
            image = np.asarray(image)
            axis.imshow(image, origin="lower", extent=tuple(extent), cmap="magma", aspect="equal")
            tidy(axis, grid=False)
        line[0].set_ylabel(f"{name}\n{names[1]}", fontsize=9)
    for axis in axes[-1]:
        axis.set_xlabel(names[0], fontsize=9)
    for axis, title in zip(axes[0], titles or (), strict=False):
        axis.set_title(title, fontsize=9)
    return figure, axes
