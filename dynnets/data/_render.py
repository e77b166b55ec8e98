"""Pictures of a pendulum: what a model that learns from pixels is given instead of angles."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from dynnets._core import check_positive, check_size


def _capsule(rows, columns, end_row, end_column):
    """Distance of every pixel from the segment that joins the origin to the given end."""
    squared = jnp.maximum(end_row**2 + end_column**2, jnp.finfo(rows.dtype).tiny)
    along = jnp.clip((rows * end_row + columns * end_column) / squared, 0, 1)
    return _length(rows - along * end_row, columns - along * end_column)


def _length(rows, columns):
    """`|(rows, columns)|`, with a finite derivative at zero."""
    return jnp.sqrt(rows**2 + columns**2 + jnp.finfo(rows.dtype).tiny)


def render_pendulum(
    q: Num[Array, "*batch"] | float,
    size: int = 28,
    *,
    length: float = 0.36,
    rod: float = 0.035,
    bob: float = 0.09,
) -> Float[Array, "*batch size size"]:
    """Grey pictures of a pendulum at the angles `q`: a rod from the centre with a disc at its end.

    A pixel is as bright as the part of it that a shape covers, to first order: with `s` the
    signed distance of its centre from the edge, in pixels, `clip(1/2 - s, 0, 1)`. The picture is
    therefore a continuous function of the angle, and a motion by a tenth of a pixel shows.

    **Arguments:**

    - `q`: angles from the lowest point, in radians, of any shape; positive to the right.
    - `size`: rows and columns of a picture.
    - `length`, `rod`, `bob`: length of the rod, half its width and radius of the disc, as parts
      of `size`. The whole disc stays in the picture if `length + bob <= 1/2`.

    **Returns:** brightness from 0 (background) to 1, shape `(*q.shape, size, size)`, row 0 on
    top, in the dtype of `q`. Pure and deterministic, for `jit`, `vmap` and `grad`. Cost: about
    thirty operations a pixel. Raises `ValueError` for angles that are not floating-point, for a
    size below 2, and for lengths that are not positive or leave the picture.

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
    if not jnp.issubdtype(q.dtype, jnp.floating):
        raise ValueError(f"angles must be floating-point, got an array of {q.dtype}")
    check_size("size", size, 2)
    for name, value in (("length", length), ("rod", rod), ("bob", bob)):
        check_positive(name, value)
    if length + bob > 0.5:
        raise ValueError(f"length + bob must be at most 0.5, got {length + bob}")
    q = q[..., None, None]
    axis = jnp.arange(size, dtype=q.dtype) - (size - 1) / 2
    square = q.shape[:-2] + (size, size)
    rows = jnp.broadcast_to(axis.reshape((1,) * (q.ndim - 2) + (size, 1)), square)
    columns = jnp.broadcast_to(axis.reshape((1,) * (q.ndim - 1) + (size,)), square)
    end_row = jnp.broadcast_to(length * size * jnp.cos(q), square)
    end_column = jnp.broadcast_to(length * size * jnp.sin(q), square)
    to_rod = _capsule(rows, columns, end_row, end_column) - rod * size
    to_bob = _length(rows - end_row, columns - end_column) - bob * size
    return jnp.clip(0.5 - jnp.minimum(to_rod, to_bob), 0, 1)
