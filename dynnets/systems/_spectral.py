"""Fourier modes on a periodic lattice, first axis space: what the wave equations share."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from ._energies import column
from ._parameters import Number


def wave_numbers(length: Number, like: Array, *, half: bool = False) -> Array:
    """`2 pi k / length` of the modes of `like (n, ...)`, shaped to act along its first axis.

    In the order of `jnp.fft.fft`, or of `jnp.fft.rfft` if `half`.
    """
    n = like.shape[0]
    whole = (np.fft.rfftfreq if half else np.fft.fftfreq)(n, 1 / n)
    return 2 * np.pi / length * column(whole, like)


def scale_modes(modes: Complex[Array, "..."], factor: Float[Array, "..."]) -> Array:
    """Complex `modes` times a real `factor`, without a change of the type."""
    return jax.lax.complex(modes.real * factor, modes.imag * factor)


def smooth_profile(key: PRNGKeyArray, n: int, modes: int, size: Number) -> Float[Array, " n"]:
    """A random function on the lattice of `n` points: its first `modes` waves, normal weights.

    `size` is the expected root mean square.
    """
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(1, modes + 1)) / n
    waves = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
    weights = jr.normal(key, (2 * modes,))
    return size / modes**0.5 * (jnp.asarray(waves, weights.dtype) @ weights)
