"""The exact flows that every field with kicks and drifts has."""

import functools
from collections.abc import Callable

from dynnets._core import join_phase, split_phase

from ._abstract import AbstractField


def _kick_flow(field, t, x, h, args=None):
    q, p = split_phase(x)
    return join_phase(q, p + h * field.kick(t, q, args))


def _drift_flow(field, t, x, h, args=None):
    q, p = split_phase(x)
    return join_phase(q + h * field.drift(t, p, args), p)


def kick_drift_flows(field: AbstractField) -> tuple[Callable, Callable]:
    """The exact flows `p += h kick(t, q)` and `q += h drift(t, p)` of a field's two halves.

    Each is `flow(t, x, h, args) -> x'` with `t` held fixed, a shear; `-h` undoes it. They keep
    volume, and the symplectic form where kick and drift are gradients. Cost: one evaluation of
    the half each.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.fields import kick_drift_flows
    >>> from dynnets.systems import Harmonic
    >>> kick, drift = kick_drift_flows(Harmonic().field)
    >>> drift(0.0, jnp.array([1.0, 2.0]), 0.5).tolist()
    [2.0, 2.0]

    ```
    """
    return functools.partial(_kick_flow, field), functools.partial(_drift_flow, field)
