"""Activations that never fall and never rise faster than a line, with their integrals.

`A^T s(A x + b)` of such an `s` is the gradient of the convex function `1^T S(A x + b)`, `S' = s`;
this is what the guarantees of the ridge fields rest on, so no other activation is accepted there.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array


class _Monotone(NamedTuple):
    value: Callable[[Array], Array]
    integral: Callable[[Array], Array]
    low: float
    high: float


MONOTONE: dict[str, _Monotone] = {
    # log(2 cosh z) without overflow; slopes in [low, high]
    "tanh": _Monotone(jnp.tanh, lambda z: jnp.logaddexp(z, -z), 0.0, 1.0),
    "sigmoid": _Monotone(jax.nn.sigmoid, jax.nn.softplus, 0.0, 0.25),
    "relu": _Monotone(jax.nn.relu, lambda z: z * jax.nn.relu(z) / 2, 0.0, 1.0),
    "half_relu": _Monotone(
        lambda z: jnp.maximum(z, z / 2), lambda z: z * jnp.maximum(z, z / 2) / 2, 0.5, 1.0
    ),
    "identity": _Monotone(lambda z: z, lambda z: z * z / 2, 1.0, 1.0),
}

MONOTONE_ACTIVATIONS = tuple(sorted(MONOTONE))
"""Names of the nondecreasing activations of slope at most one; `half_relu` is `max(z, z / 2)`."""
