"""Forecasts against the measured record."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._canvas import DATA, as_curve, legend_beside, line_styles, new_axes, padded_range, tidy

_MOST = 250  # more dots than these would hide the forecasts under them


def plot_forecast(
    ts: Any,
    xs: Any,
    forecasts: Mapping,
    *,
    names: Sequence[str] | None = None,
    time_name: str = "time",
    held_out: float | None = None,
    validation: float | None = None,
    record_name: str = "measured",
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw several forecasts over the measured record, one row of axes per component.

    The ranges are those of the record: a forecast that leaves it runs out of the picture. Those of
    a record of one sample are those of the forecasts.

    **Arguments:**

    - `ts (n,)`, `xs (n, d)`: the measured record.
    - `forecasts`: `name -> (ts (m,), xs (m, d))`.
    - `names`: the names of the `d` components; `time_name`: the label of the time axis, with unit.
    - `validation`, `held_out`: the times at which these parts of the record begin; both are shaded.
    - `record_name`: how the legend calls the record.
    - `axes`: `d` matplotlib axes to draw on instead of a new figure.

    **Returns** `(figure, axes (d, 1))`. Raises `ValueError` for mismatched shapes.
    """
    ts, xs = as_curve("record", (ts, xs))
    xs = xs[:, None] if xs.ndim == 1 else xs
    rows = xs.shape[1]
    names = tuple(names or (f"x{i}" for i in range(rows)))
    curves = {name: _matching(name, curve, rows) for name, curve in forecasts.items()}
    figure, axes = new_axes(rows, 1, size=(9.0, 1.4 + 1.7 * rows), axes=axes, sharex="col")
    styles = line_styles(curves)
    every = max(1, len(ts) // _MOST)
    shown = [(ts, xs)] if len(ts) > 1 else list(curves.values())
    times = np.concatenate([curve[0] for curve in shown])
    states = np.concatenate([curve[1] for curve in shown])
    for i, axis in enumerate(axes[:, 0]):
        _shade(axis, ts[-1], validation, held_out)
        axis.plot(
            ts[::every], xs[::every, i], ".", color=DATA, markersize=3, label=record_name, zorder=3
        )
        for name, (times, values) in curves.items():
            axis.plot(times, values[:, i], linewidth=1.3, label=name, **styles[name])
        axis.set_ylim(*padded_range(states[:, i], 0.2))
        axis.set_xlim(times.min(), times.max())
        tidy(axis, x=time_name if i == rows - 1 else None, y=names[i])
    _name_parts(axes[0, 0], ts[0], validation, held_out)
    legend_beside(figure, axes[0, 0])
    return figure, axes


def _matching(name: str, curve, rows: int):
    times, values = as_curve(name, curve)
    values = values[:, None] if values.ndim == 1 else values
    if values.shape[1] != rows:
        raise ValueError(f"the forecast {name!r} has {values.shape[1]} components, expected {rows}")
    return times, values


def _shade(axis, end, validation, held_out) -> None:
    if validation is not None:
        axis.axvspan(validation, end if held_out is None else held_out, color="#f3f3f3", zorder=0)
    if held_out is not None:
        axis.axvspan(held_out, end, color="#e3ecf5", zorder=0)


def _name_parts(axis, start, validation, held_out) -> None:
    """The names of the shaded parts, inside their upper left corners."""
    parts = (("training", start), ("validation", validation), ("held out", held_out))
    shown = [(label, at) for label, at in parts if at is not None and at >= axis.get_xlim()[0]]
    if len(shown) < 2:
        return
    for label, at in shown:
        axis.annotate(
            label,
            (at, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(3, -2),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color="#777777",
            clip_on=True,
        )
