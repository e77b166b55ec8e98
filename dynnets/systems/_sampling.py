"""Draws that the systems share: ranges and points of a ring."""

import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from ._parameters import Number


def uniform(key: PRNGKeyArray, bounds: tuple[Number, Number], shape: tuple[int, ...] = ()) -> Array:
    """Uniform draws between the two `bounds`."""
    return jr.uniform(key, shape, minval=bounds[0], maxval=bounds[1])


def ring(key: PRNGKeyArray, radius: tuple[Number, Number]) -> Float[Array, " 2"]:
    """A point of the plane: uniform angle, distance from the origin uniform in `radius`."""
    key_radius, key_angle = jr.split(key)
    angle = uniform(key_angle, (0.0, 2 * jnp.pi))
    return uniform(key_radius, radius) * jnp.stack([jnp.cos(angle), jnp.sin(angle)])
