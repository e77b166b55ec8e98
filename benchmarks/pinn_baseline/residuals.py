"""Solutions over their truth, and what is left of the equation."""

from collections.abc import Mapping, Sequence

import numpy as np

from dynnets.plotting import legend_beside, line_styles, new_axes, tidy

_INK, _FADED = "#222222", "#b9b9b9"


def plot_residuals(panels: Mapping, *, names: Sequence[str], curve_name: str = "network"):
    """Solutions over their truth, and the size of what is left of the equation below.

    **Arguments:** `panels`: `title -> (ts (n,), truth (n, d), curve (n, d), residual (n,))`, one
    column each; `names`: of the components; `curve_name`: in the legend.

    **Returns** `(figure, axes (2, columns))`.
    """
    figure, axes = new_axes(2, len(panels), size=(4.6 * len(panels), 5.0), sharex="col")
    for k, (title, (ts, truth, curve, residual)) in enumerate(panels.items()):
        above, below = axes[0, k], axes[1, k]
        truth, styles = np.asarray(truth), line_styles(names)
        for i, label in enumerate(names):
            above.plot(ts, truth[:, i], color=_FADED, linewidth=4, label=None if i else "truth")
            style = {"label": f"{curve_name}, {label}", **styles[label]}
            above.plot(ts, curve[:, i], linewidth=1.2, **style)
        low, high = truth.min(), truth.max()
        above.set_ylim(low - 0.2 * (high - low), high + 0.2 * (high - low))
        above.set_title(title, fontsize=9)
        below.semilogy(ts, residual, color=_INK, linewidth=0.9)
        tidy(above)
        tidy(below, x="time", y="|residual|" if k == 0 else None)
    legend_beside(figure, axes[0, 0])
    return figure, axes
