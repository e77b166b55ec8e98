"""Long orbits of flows, over level sets of the energy."""

from collections.abc import Callable, Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from dynnets.plotting import colours, legend_beside, new_axes, tidy

_INK, _BOUNDARY = "#222222", "#999999"


def plot_flow_orbits(
    energy: Callable,
    orbits: Mapping,
    *,
    segment: int = 0,
    levels: Mapping | None = None,
    plane: tuple[int, int] | None = None,
    names: Sequence[str],
):
    """Long orbits in one plane of the state, one panel each, over level sets of the energy.

    In a plane `(q, p)` a conserved energy keeps the orbit on the line of its start. With more
    degrees of freedom the other components are zero on the drawn lines, which bound the part of
    the plane that the orbit may enter only if no other value of these lowers the energy there.

    **Arguments:** `energy`: `H(t, x)` of one state; `orbits`: `name -> xs (m, d)`; `segment`: so
    many first samples are drawn thick (what the flow was trained to do in one go); `levels`:
    `name -> value`, by default the energy of the first state; `plane`: two components, by default
    the first coordinate and its momentum; `names`: of the components.

    **Returns** `(figure, axes)`.
    """
    curves = {name: np.asarray(xs) for name, xs in orbits.items()}
    first = next(iter(curves.values()))
    i, j = plane or (0, first.shape[1] // 2)
    if levels is None:
        levels = {"energy of the start": float(energy(0.0, jnp.asarray(first[0])))}
    size = (4.3 * len(curves), 4.6)
    figure, axes = new_axes(1, len(curves), size=size, sharex=True, sharey=True)
    palette = colours(curves)
    every = np.concatenate([xs[np.isfinite(xs).all(axis=1)] for xs in curves.values()])
    grid = _plane_values(energy, every, i, j)
    for axis, (name, xs) in zip(axes[0], curves.items(), strict=True):
        _lines(axis, *grid, levels)
        axis.plot(xs[:, i], xs[:, j], ".", color=palette[name], markersize=1.6, alpha=0.6)
        if segment:
            start = xs[:segment]
            axis.plot(start[:, i], start[:, j], color=_INK, linewidth=3.2, label="first dt")
        axis.set_title(name, fontsize=10)
        tidy(axis, x=names[i], y=names[j] if axis is axes[0, 0] else None, grid=False)
    legend_beside(figure, axes[0, 0])
    return figure, axes


def _plane_values(energy, xs, i: int, j: int, points: int = 160):
    """Both axes of a grid of one plane, a bit wider than the states, and the energy on it."""
    low, high = xs.min(axis=0), xs.max(axis=0)
    pad = 0.15 * (high - low)
    first, second = (np.linspace(low[k] - pad[k], high[k] + pad[k], points) for k in (i, j))
    states = np.zeros((points, points, xs.shape[1]))
    states[..., i], states[..., j] = first[None, :], second[:, None]
    values = jax.vmap(lambda x: energy(0.0, x))(jnp.asarray(states.reshape(-1, xs.shape[1])))
    return first, second, np.asarray(values).reshape(points, points)


def _lines(axis, first, second, values, levels) -> None:
    styles = ("-", "--", ":")
    for k, (label, level) in enumerate(levels.items()):
        style = styles[k % len(styles)]
        if values.min() < level < values.max():
            axis.contour(
                first, second, values, [level], colors=_BOUNDARY, linestyles=style, linewidths=2
            )
        axis.plot([], [], color=_BOUNDARY, linestyle=style, linewidth=2, label=label)
