"""An input known on a uniform grid."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class UniformInput(eqx.Module):
    """`u(t)` by straight lines between samples at `t = 0, spacing, 2 spacing, ...`.

    Finds its interval by one division, where a general interpolation searches: for forced
    rollouts of thousands of steps. Before the first and after the last sample it goes on in the
    line of the nearest interval. Straight lines between samples of a *band-limited* signal
    attenuate it, by 19 % at a quarter of the sampling rate: refine such a record first (four
    times, for instance by `scipy.signal.resample_poly`).

    **Arguments:** `values`: shape `(T, m)`, or `(T, m, N)` for a features-first batch, `T >= 2`;
    `spacing`: the sampling time, positive. Raises `ValueError` otherwise.
    """

    values: Float[Array, "samples inputs *batch"]
    spacing: float = eqx.field(static=True)

    def __init__(self, values, spacing: float):
        if values.ndim < 2 or values.shape[0] < 2:
            raise ValueError(f"values have shape (T >= 2, m, ...), got {values.shape}")
        if not spacing > 0:
            raise ValueError(f"spacing must be positive, got {spacing}")
        self.values, self.spacing = values, spacing

    def __call__(self, t):
        """`u(t)`, shape `(m,)` or `(m, N)`."""
        position = jnp.asarray(t, self.values.dtype) / self.spacing
        index = jnp.clip(position.astype(int), 0, self.values.shape[0] - 2)
        weight = position - index.astype(position.dtype)
        return (1 - weight) * self.values[index] + weight * self.values[index + 1]
