"""Losses of densities: the mean negative log-likelihood, or a bound of it."""

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import check_size
from dynnets.data import batch_part


def _points(batch):
    """Points and conditions, features-first, of points `(N, d)` or of a batch with `x` and `u`."""
    x, condition = batch_part(batch, "x"), batch_part(batch, "u")
    x = batch if x is None else x
    if jnp.ndim(x) != 2:
        raise ValueError(f"points must be (N, d), got shape {jnp.shape(x)}")
    return x.T, None if condition is None else condition.T


def negative_log_likelihood(model, batch, *, key=None):
    """Mean of `-log p(x)` over the points, in nats.

    **Arguments:** `model`: an `AbstractDensity`; `batch`: points `(N, d)`, or a batch whose `u`
    `(N, m)` are the conditions of its points `x (N, d)`; `key`: not used. Cost: one `log_prob` a
    point. Raises `ValueError` for points of another rank and a condition that does not fit.
    """
    x, condition = _points(batch)
    return -jnp.mean(model.log_prob(x, condition))


class NegativeBound(eqx.Module):
    """Mean of `-log_bound(x)` over the points: not below `-log p(x)` on average.

    **Arguments:** `samples`: of the auxiliary variables of each point; more make the bound
    tighter, and dearer. Call it with an `AbstractDensity`, points as for
    `negative_log_likelihood` and a key. For a density without auxiliary variables it is the
    negative log-likelihood. Raises `ValueError` for `samples` below one, points of another rank
    and a condition that does not fit.
    Source: Burda, Grosse, Salakhutdinov, Importance Weighted Autoencoders, ICLR 2016.
    """

    samples: int = eqx.field(static=True, default=1)

    def __check_init__(self):
        check_size("samples", self.samples)

    def __call__(self, model, batch, *, key):
        """The loss, a scalar."""
        x, condition = _points(batch)
        return -jnp.mean(model.log_bound(x, condition, samples=self.samples, key=key))
