"""Films as strips of pictures, one under the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ._canvas import new_axes


def _picture(values: np.ndarray) -> np.ndarray:
    """`(channels, rows, columns)` as matplotlib draws it: grey for one channel, else colours."""
    if values.shape[0] == 1:
        return values[0]
    rest = np.zeros((max(0, 3 - values.shape[0]), *values.shape[1:]))
    return np.moveaxis(np.concatenate([values, rest])[:3], 0, -1)


def plot_films(
    films: Mapping,
    *,
    captions: Mapping | None = None,
    titles: Sequence[str] | None = None,
    axes: Any = None,
) -> tuple[Any, Any]:
    """Draw strips of pictures with their names at the left and a caption under each.

    **Arguments:**

    - `films`: `name -> pictures (n, channels, rows, columns)` with values from 0 to 1; what lies
      outside is cut. All films have the same number of pictures.
    - `captions`: `name -> text` to write under the strip of that name.
    - `titles`: the titles above the pictures of the first strip.
    - `axes`: the matplotlib axes to draw on instead of a new figure, one for each picture.

    **Returns** `(figure, axes (films, n))`. Raises `ValueError` for no film and for films of
    different length or rank.
    """
    strips = {name: np.asarray(film) for name, film in films.items()}
    lengths = {film.shape[0] for film in strips.values() if film.ndim == 4}
    if len(lengths) != 1 or any(film.ndim != 4 for film in strips.values()):
        shapes = {name: film.shape for name, film in strips.items()}
        raise ValueError(f"films are (n, channels, rows, columns) with one n, got {shapes}")
    count = lengths.pop()
    size = (0.9 * count + 1.2, 1.15 * len(strips) + 0.3)
    figure, axes = new_axes(len(strips), count, size=size, axes=axes)
    for line, (name, film) in zip(axes, strips.items(), strict=True):
        for axis, values in zip(line, film, strict=True):
            axis.imshow(np.clip(_picture(values), 0, 1), cmap="gray", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=8)
        line[count // 2].set_xlabel((captions or {}).get(name, ""), fontsize=8)
    for axis, title in zip(axes[0], titles or (), strict=False):
        axis.set_title(title, fontsize=8)
    return figure, axes
