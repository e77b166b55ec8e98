"""Diagonal normal densities: what posteriors, bases and momentum encoders are made of."""

import math

import jax.numpy as jnp
from jaxtyping import Array, Float


def gaussian_log_density(
    x: Float[Array, " d *batch"],
    mean: Float[Array, " d *batch"],
    log_deviation: Float[Array, " d *batch"],
) -> Float[Array, "*batch"]:
    """`log N(x; mean, diag(deviation^2))`, summed over the first axis."""
    residual = (x - mean) * jnp.exp(-log_deviation)
    return -jnp.sum(residual**2 / 2 + log_deviation + math.log(2 * math.pi) / 2, axis=0)


def gaussian_kl(
    mean: Float[Array, " d *batch"], log_deviation: Float[Array, " d *batch"]
) -> Float[Array, "*batch"]:
    """`KL(N(mean, diag(deviation^2)) || N(0, I))` in nats, summed over the first axis.

    `sum_i (mean_i^2 + s_i^2 - 1) / 2 - log s_i`; zero only for the standard normal itself.
    """
    variance = jnp.exp(2 * log_deviation)
    return jnp.sum((mean**2 + variance - 1) / 2 - log_deviation, axis=0)
