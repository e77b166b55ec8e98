"""New figures and the few habits that all of ours share, set on the figure's own artists alone.

Figures are made without pyplot: nothing is registered globally, nothing needs a display, and a
loop over a thousand figures leaks none. In a notebook `%matplotlib inline` shows a returned
figure; `figure.savefig(path)` writes it anywhere.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

DATA = "#222222"
FADED = "#b9b9b9"
_PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f4fc9", "#8c6d31")


def _figure_class():
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("figures need matplotlib: pip install 'dynnets[plot]'") from None
    return Figure


def new_axes(
    rows: int = 1, columns: int = 1, *, size: tuple[float, float], axes: Any = None, **keywords: Any
):
    """A new figure of `size` inches with `rows x columns` axes, or the figure of the given `axes`.

    **Arguments:** `axes`: the axes to draw on instead, as many as are needed; `keywords`: those of
    matplotlib's `Figure.subplots`.

    **Returns** `(figure, axes)`, where the axes are an array `(rows, columns)`. Raises `ValueError`
    when another number of axes was given.
    """
    if axes is not None:
        given = np.asarray(axes, dtype=object).reshape(-1)
        if given.size != rows * columns:
            raise ValueError(f"{rows * columns} axes are needed here, got {given.size}")
        return given[0].figure, given.reshape(rows, columns)
    figure = _figure_class()(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **keywords)


def tidy(axis: Any, *, x: str | None = None, y: str | None = None, grid: bool = True) -> None:
    """Label an axis, take its frame off on top and on the right, put a faint grid behind it."""
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_axisbelow(True)
    if grid:
        axis.grid(color="#e6e6e6", linewidth=0.8)
    if x is not None:
        axis.set_xlabel(x)
    if y is not None:
        axis.set_ylabel(y)


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour for each name, in a fixed order; the usual colour blindness tells them apart."""
    return {name: _PALETTE[i % len(_PALETTE)] for i, name in enumerate(names)}


def line_styles(names: Iterable[str]) -> dict[str, dict]:
    """The keywords of a line for each name, so that 32 lines can be told apart.

    The lines are solid in the first round of the `colours`, then dashed, dotted and dash-dotted.
    """
    dashes = ("-", "--", ":", "-.")
    return {
        name: {"color": colour, "linestyle": dashes[i // len(_PALETTE) % len(dashes)]}
        for i, (name, colour) in enumerate(colours(names).items())
    }


def as_curve(name: str, curve: Any) -> tuple[np.ndarray, np.ndarray]:
    """A pair `(ts (n,), values (n, ...))` as NumPy arrays.

    Raises `ValueError` that names the curve when the lengths differ.
    """
    ts, values = (np.asarray(part) for part in curve)
    if ts.ndim != 1 or values.shape[:1] != ts.shape:
        raise ValueError(
            f"the curve {name!r} needs times (n,) and values (n, ...), got shapes "
            f"{ts.shape} and {values.shape}"
        )
    return ts, values


def check_curves(curves: Mapping) -> dict:
    """`as_curve` of every entry. Raises `ValueError` when there is none."""
    found = {name: as_curve(name, curve) for name, curve in curves.items()}
    if not found:
        raise ValueError("at least one curve is needed, got none")
    return found


def legend_beside(figure: Any, axis: Any) -> None:
    """Put one legend for the whole figure, above it, so that it never hides a curve."""
    handles, labels = axis.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles, labels, loc="outside upper center", ncols=min(len(labels), 4), frameon=False
        )


def padded_range(values: np.ndarray, share: float = 0.08) -> tuple[float, float]:
    """The range of the finite `values`, widened by `share` of it on both sides."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return -1.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    pad = share * (high - low) or share * max(abs(high), 1.0)
    return low - pad, high + pad
