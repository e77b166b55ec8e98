"""Angles as inputs of nets: their cosines and sines."""

import jax.numpy as jnp


def angle_features(x, angles: tuple[int, ...]):
    """`x` with the components `angles` replaced by their cosines and sines.

    **Arguments:** `x`: `(d,)` or features-first `(d, N)`; `angles`: indices into its first axis.
    **Returns:** the other components in their order, then the cosines, then the sines:
    `d + len(angles)` of them. A function of these has period `2 pi` in every angle.
    """
    others = tuple(i for i in range(x.shape[0]) if i not in angles)
    turning = x[jnp.asarray(angles)] if angles else x[:0]
    rest = x[jnp.asarray(others)] if others else x[:0]
    return jnp.concatenate([rest, jnp.cos(turning), jnp.sin(turning)])


def check_angles(angles: tuple[int, ...]) -> None:
    """`ValueError` unless the indices are different and not negative."""
    if min(angles, default=0) < 0 or len(set(angles)) != len(angles):
        raise ValueError(f"angles are different, non-negative indices, got {angles}")
