"""Pictures of moving bodies: what a model that learns from pixels is given instead of states."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from dynnets._core import check_finite, check_positive, check_size


def _check_places(name, places, size) -> None:
    if not jnp.issubdtype(places.dtype, jnp.floating):
        raise ValueError(f"{name} must be floating-point, got an array of {places.dtype}")
    check_size("size", size, 2)


def _pixels(leading: int, size: int, dtype):
    """Rows and columns of the pixels' centres from the middle, downwards and to the right."""
    axis = jnp.arange(size, dtype=dtype) - (size - 1) / 2
    ones = (1,) * leading
    return axis.reshape((*ones, size, 1)), axis.reshape((*ones, 1, size))


def _length(rows, columns):
    """`|(rows, columns)|`, with a finite derivative at zero."""
    return jnp.sqrt(rows**2 + columns**2 + jnp.finfo(rows.dtype).tiny)


def _capsule(rows, columns, end_row, end_column):
    """Distance of every pixel from the segment that joins the origin to the given end."""
    squared = jnp.maximum(end_row**2 + end_column**2, jnp.finfo(rows.dtype).tiny)
    along = jnp.clip((rows * end_row + columns * end_column) / squared, 0, 1)
    return _length(rows - along * end_row, columns - along * end_column)


def _covered(distance):
    """The part of a pixel that a shape covers, to first order in the distance from its edge."""
    return jnp.clip(0.5 - distance, 0, 1)


def render_discs(
    places: Num[Array, "*batch bodies 2"],
    size: int = 32,
    *,
    radius: float | Sequence[float] = 0.3,
    window: float = 1.3,
    colours: Sequence[Sequence[float | int]] | None = None,
) -> Float[Array, "*batch channels size size"]:
    """Pictures of discs at the given places of the plane, seen through a square window.

    A pixel is as bright as the part of it that a disc covers, to first order: with `s` the
    signed distance of its centre from the edge, in pixels, `clip(1/2 - s, 0, 1)`. The picture is
    therefore a continuous function of the places. Where discs overlap the brighter one shows.

    **Arguments:**

    - `places`: `(x, y)` of the centres, `x` to the right and `y` up.
    - `size`: rows and columns of a picture.
    - `radius`: that of all discs, or one for each, in the units of `places`.
    - `window`: half the side of the window around the origin; a disc outside is not seen.
    - `colours`: the brightness of each disc in each channel, `(bodies, channels)`, from 0 to 1; by
      default there is one channel, in which all discs are white.

    **Returns** the brightness from 0 (background) to 1, row 0 on top, in the dtype of `places`. The
    function is pure and deterministic, for `jit`, `vmap` and `grad`. Cost: about ten operations
    for each pixel and disc.
    Raises `ValueError` for places that are not floating-point, a size below 2, a radius or window
    that is not positive, and as many radii or colours as not bodies.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.data import render_discs
    >>> orbit = jnp.linspace(0.0, 6.0, 5)
    >>> render_discs(jnp.stack([jnp.cos(orbit), jnp.sin(orbit)], axis=-1)[:, None], 16).shape
    (5, 1, 16, 16)

    ```
    """
    places = jnp.asarray(places)
    _check_places("places", places, size)
    check_positive("window", window)
    bodies = places.shape[-2]
    radii = np.full(bodies, radius) if np.ndim(radius) == 0 else np.asarray(radius)
    paint = np.ones((bodies, 1)) if colours is None else np.asarray(colours, float)
    if radii.shape != (bodies,) or paint.ndim != 2 or paint.shape[0] != bodies:
        raise ValueError(
            f"{bodies} bodies need one radius each and colours ({bodies}, channels), got shapes "
            f"{radii.shape} and {paint.shape}"
        )
    for one in radii:
        check_positive("radius", one)
    check_finite("colours", paint)
    scale = size / (2 * window)
    rows, columns = _pixels(places.ndim - 1, size, places.dtype)
    x, y = (scale * places[..., i, None, None] for i in (0, 1))
    edge = jnp.asarray(scale * radii, places.dtype).reshape((1,) * (places.ndim - 2) + (-1, 1, 1))
    cover = _covered(_length(rows + y, columns - x) - edge)
    shape = (1,) * (places.ndim - 2) + (*paint.shape, 1, 1)
    return jnp.max(cover[..., None, :, :] * jnp.asarray(paint, cover.dtype).reshape(shape), axis=-4)


def render_mass_spring(
    q: Num[Array, "*batch"] | float, size: int = 32, **options: Any
) -> Float[Array, "*batch channels size size"]:
    """Pictures of a mass on a spring: a disc at `(q, 0)`.

    **Arguments:** `q`: the displacements, of any shape; `size`, `options`: as for `render_discs`,
    which also says what is returned and raised.
    """
    q = jnp.asarray(q)
    return render_discs(jnp.stack([q, jnp.zeros_like(q)], axis=-1)[..., None, :], size, **options)


def render_two_body(
    q: Num[Array, "*batch 4"], size: int = 32, **options: Any
) -> Float[Array, "*batch channels size size"]:
    """Pictures of two bodies in the plane: discs at `(x_1, y_1)` and `(x_2, y_2)`.

    **Arguments:** `q`: `(x_1, y_1, x_2, y_2)`, the coordinates of `TwoBody`; `size`, `options`:
    see `render_discs`, for instance `colours=((1, 0), (0, 1))` for a channel each, without which
    two bodies of one size cannot be told apart.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.data import render_two_body
    >>> red, green = (1.0, 0.0), (0.0, 1.0)
    >>> render_two_body(jnp.array([0.5, 0.0, -0.5, 0.0]), 16, colours=(red, green)).shape
    (2, 16, 16)

    ```
    """
    return render_discs(jnp.asarray(q).reshape(*jnp.shape(q)[:-1], 2, 2), size, **options)


def render_pendulum(
    q: Num[Array, "*batch"] | float,
    size: int = 28,
    *,
    length: float = 0.36,
    rod: float = 0.035,
    bob: float = 0.09,
) -> Float[Array, "*batch size size"]:
    """Grey pictures of a pendulum at the angles `q`: a rod from the centre with a disc at its end.

    Shaded as by `render_discs` (which at `(sin q, -cos q)` draws the disc without the rod), so a
    motion by a tenth of a pixel shows.

    **Arguments:**

    - `q`: the angles from the lowest point in radians, of any shape, positive to the right.
    - `size`: how many rows, and as many columns, a picture has.
    - `length`, `rod`, `bob`: the length of the rod, half its width and the radius of the disc, as
      parts of `size`. The whole disc stays in the picture if `length + bob <= 1/2`.

    **Returns** the brightness from 0 (background) to 1, shape `(*q.shape, size, size)`, row 0 on
    top, in the dtype of `q`. The function is pure and deterministic, for `jit`, `vmap` and `grad`.
    Cost: about thirty operations for each pixel. Raises `ValueError` for angles that are not
    floating-point, for a size below 2, and for lengths that are not positive or leave the picture.

    Source: the pictures follow the pixel task of S. Greydanus, M. Dzamba, J. Yosinski,
    Hamiltonian Neural Networks, NeurIPS 2019, which took them from a simulator's screen.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.data import render_pendulum
    >>> frames = render_pendulum(jnp.linspace(-0.5, 0.5, 3))
    >>> frames.shape
    (3, 28, 28)

    ```
    """
    q = jnp.asarray(q)
    _check_places("angles", q, size)
    for name, value in (("length", length), ("rod", rod), ("bob", bob)):
        check_positive(name, value)
    if length + bob > 0.5:
        raise ValueError(f"length + bob must be at most 0.5, got {length + bob}")
    q = q[..., None, None]
    rows, columns = _pixels(q.ndim - 2, size, q.dtype)
    end_row, end_column = length * size * jnp.cos(q), length * size * jnp.sin(q)
    to_rod = _capsule(rows, columns, end_row, end_column) - rod * size
    to_bob = _length(rows - end_row, columns - end_column) - bob * size
    return _covered(jnp.minimum(to_rod, to_bob))
