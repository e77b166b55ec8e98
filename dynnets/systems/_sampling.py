"""Draws that the systems share: ranges, points of a ring, points apart from each other."""

import math

import jax
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


def scattered(
    key: PRNGKeyArray, count: int, width: Number, separation: Number
) -> Float[Array, "count 2"]:
    """Uniform points of `[-width, width]^2`, given that no two are closer than `separation`.

    By rejection: all points are drawn again until they suit, see `check_room`.
    """

    def crowded(state):
        points = state[1]
        apart = jnp.sum((points[:, None] - points[None]) ** 2, axis=-1)
        near = apart < separation**2
        return jnp.sum(near) > count  # each point is near itself

    def draw(state):
        key, again = jr.split(state[0])
        return key, uniform(again, (-width, width), (count, 2))

    return jax.lax.while_loop(crowded, draw, draw((key, None)))[1]


def check_room(count: int, width: Number, separation: Number) -> None:
    """Raise `ValueError` where fewer than about one draw in 3000 of `scattered` would suit.

    A pair is too close with probability `pi s^2 / (4 w^2)`.
    """
    values = (width, separation)
    if any(isinstance(value, jax.core.Tracer) for value in values):
        return
    crowding = count * (count - 1) / 2 * math.pi * separation**2 / (4 * width**2)
    if crowding > 8:
        raise ValueError(
            f"{count} points at least separation = {separation} apart have no room in "
            f"[-{width}, {width}]^2: make the separation smaller or the width larger"
        )
