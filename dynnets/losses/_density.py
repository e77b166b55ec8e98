"""Losses of densities: the mean negative log-likelihood, or a bound of it."""

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import check_size


def _points(batch):
    if batch.ndim != 2:
        raise ValueError(f"points must be (N, d), got shape {batch.shape}")
    return batch.T


def negative_log_likelihood(model, batch, *, key=None):
    """Mean of `-log p(x)` over the points `batch (N, d)`, in nats.

    **Arguments:** `model`: anything with `log_prob` of features-first points `(d, N)`; `key`: not
    used. Cost: one `log_prob` a point. Raises `ValueError` for points of another rank.
    """
    return -jnp.mean(model.log_prob(_points(batch)))


class NegativeBound(eqx.Module):
    """Mean of `-log_bound(x)` over the points `batch (N, d)`: not below `-log p(x)` on average.

    **Arguments:** `samples`: of the auxiliary variables of each point; more make the bound
    tighter, and dearer. Call it with a model that has `log_bound` (`HamiltonianFlow`), points and
    a key. Raises `ValueError` for `samples` below one and points of another rank.
    Source: Burda, Grosse, Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
    """

    samples: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_size("samples", self.samples)

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""
        return -jnp.mean(model.log_bound(_points(batch), samples=self.samples, key=key))
