"""Checks of arguments: each raises `ValueError` with the offending value."""

import difflib
import math
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np


def check_positive(name: str, value) -> None:
    """Raise unless the number `value` is finite and greater than zero."""
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be positive and finite, got {value}")


def check_size(name: str, value, least: int = 1) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_key(key, drawn: str):
    """The key, or `ValueError` where it is `None` although `drawn`, in words, is to be drawn."""
    if key is None:
        raise ValueError(f"key is missing: it draws {drawn}")
    return key


def check_choice(name: str, value: str, options: Iterable[str]) -> None:
    """Raise unless `value` is one of `options`; the message names the nearest one."""
    options = sorted(options)
    if value not in options:
        near = difflib.get_close_matches(str(value), options, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}{hint}")


def check_phase_dim(name: str, dim: int) -> None:
    """Raise unless `dim` is a positive even number, the dimension of a phase space `(q, p)`."""
    if dim < 2 or dim % 2:
        raise ValueError(f"{name} must be even and positive (a phase space (q, p)), got {dim}")


def _concrete(array) -> np.ndarray | None:
    """The values of `array`, or `None` while it is being traced."""
    return None if isinstance(array, jax.core.Tracer) else np.asarray(array)


def check_finite(name: str, array) -> None:
    """Raise if a concrete `array` holds a value that is not finite; say where and which."""
    values = _concrete(array)
    if values is None:
        return
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):  # a scalar's index is empty, so bad.size would miss it
        index = tuple(int(i) for i in bad[0])
        raise ValueError(
            f"{name} must be finite, got {values[index]} at index {index} "
            f"({len(bad)} of {values.size} values are not finite)"
        )


def time_grid(h, n, dtype=None) -> jax.Array:
    """The times `0, h, ..., n h`, `(n + 1,)`: what a tuple `(h, n)` in place of times means.

    **Arguments:** `h`: the step, negative to go back; `n`: how many; `dtype`: of the times, that of
    JAX's floating-point numbers by default. Raises `ValueError` for an `h` that is zero or not
    finite, and an `n` that is no integer of at least one.
    """
    check_size("n, the number of steps of a grid (h, n),", n)
    if not isinstance(h, jax.core.Tracer) and not (h != 0 and math.isfinite(h)):
        raise ValueError(f"the step h must be finite and not zero, got {h}")
    if dtype is None:
        dtype = jnp.result_type(float)
    return jnp.arange(n + 1, dtype=dtype) * jnp.asarray(h, dtype)


def grid_times(ts, dtype):
    """`ts` as it is, or the times of the grid that a tuple `(h, n)` means."""
    if not isinstance(ts, tuple):
        return ts
    if len(ts) != 2:
        raise ValueError(f"a tuple means the grid (h, n) of n steps of h, got {ts}")
    return time_grid(*ts, dtype=dtype)


def check_increasing(name: str, ts) -> None:
    """Raise unless the concrete times `ts`, shape `(n,)`, are finite and strictly increase.

    A tuple is refused: it means the grid `(h, n)` wherever times are given, see `time_grid`.
    """
    if isinstance(ts, tuple):
        raise ValueError(
            f"{name} must be an array or a list of times, got the tuple {ts}: a tuple means the "
            "grid (h, n), for which time_grid(h, n) makes the times"
        )
    values = _concrete(ts)
    if values is None:
        return
    if values.ndim != 1:
        raise ValueError(f"{name} must be one row of times, got shape {values.shape}")
    check_finite(name, values)
    bad = np.flatnonzero(np.diff(values) <= 0)
    if bad.size:
        i = int(bad[0])
        raise ValueError(
            f"{name} must strictly increase, got {values[i]} then {values[i + 1]} at index {i + 1}"
        )
