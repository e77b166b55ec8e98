"""Searches for a violation of an inequality: gradient ascent on weights and states at once."""

import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from dynnets.energies import RidgeEnergy
from dynnets.fields import GradientField

DIM, WIDTH, UPDATES = 3, 5, 300


def _ascend(score, key, sizes, starts: int, updates: int) -> list[float]:
    """The largest `score(parameters, h)` found for each `h` of `sizes`: a violation if positive.

    Adam from `starts` random points at once; one program serves all sizes.
    """
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, updates))

    def one(key, h):
        parameters = _draw(key)

        def update(carry, _):
            parameters, state, best = carry
            value, slope = jax.value_and_grad(score)(parameters, h)
            slope = jax.tree.map(lambda g: -jnp.where(jnp.isfinite(g), g, 0), slope)
            change, state = optimiser.update(slope, state)
            best = jnp.maximum(best, jnp.where(jnp.isfinite(value), value, -jnp.inf))
            return (optax.apply_updates(parameters, change), state, best), None

        start = (parameters, optimiser.init(parameters), -jnp.inf)
        return jax.lax.scan(update, start, None, length=updates)[0][2]

    search = jax.jit(jax.vmap(one, in_axes=(0, None)))
    return [float(search(jr.split(key, starts), jnp.asarray(h)).max()) for h in sizes]


def _draw(key):
    a, b, x, y = jr.split(key, 4)
    return {
        "weight": jr.normal(a, (WIDTH, DIM)),
        "bias": jr.normal(b, (WIDTH,)),
        "x": jr.normal(x, (DIM,)),
        "y": jr.normal(y, (DIM,)),
    }


def _field(parameters, activation):
    """The field with `|A| = 1`, so that `nu = L = 1` up to the activation's steepest slope."""
    weight = parameters["weight"]
    weight = weight / jnp.linalg.norm(weight, 2)
    return GradientField(RidgeEnergy(weight, parameters["bias"], activation))


def expansion(step, sizes, activation: str, key, *, starts=200, updates=UPDATES) -> list[float]:
    """Largest `log(|S(x) - S(y)| / |x - y|)` found at each size, with `nu = 1`."""

    def score(parameters, h):
        field = _field(parameters, activation)
        x, y = parameters["x"], parameters["y"]
        apart = step(field, 0.0, x, h) - step(field, 0.0, y, h)
        return jnp.log(jnp.linalg.norm(apart) / jnp.linalg.norm(x - y))

    return _ascend(score, key, sizes, starts, updates)


def ascent(step, sizes, activation: str, key, *, starts=200, updates=UPDATES) -> list[float]:
    """Largest rise of `V` over `|grad V|^2` found in one step of each size, with `L = 1`."""

    def score(parameters, h):
        field = _field(parameters, activation)
        x = parameters["x"]
        slope = field.energy.gradient(0.0, x)
        after = field.energy(0.0, step(field, 0.0, x, h))
        return (after - field.energy(0.0, x)) / (jnp.sum(slope**2) + 1e-30)

    return _ascend(score, key, sizes, starts, updates)
