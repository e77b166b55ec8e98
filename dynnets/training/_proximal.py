"""Penalties that make coefficients exactly zero: proximal steps, and a loss with an L1 term."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from dynnets._core import check_positive

from ._sparse_terms import library_parts


def soft_threshold(threshold: float) -> optax.GradientTransformation:
    """Shrink every new parameter towards zero by `threshold`, to zero exactly where it is smaller.

    `x' = sign(y) max(|y| - threshold, 0)` with `y` the parameter after the updates before this
    one: the proximal step of `threshold |x|_1`. Put it last in `optax.chain`; with a plain
    gradient step of rate `r` the chain minimises `loss + threshold / r |x|_1`. A subgradient of
    the penalty in its place never reaches zero. Raises `ValueError` for a threshold that is not
    positive. Source: Parikh and Boyd, Proximal Algorithms, 2014, section 6.5.2.

    ```python
    >>> import jax.numpy as jnp, optax
    >>> from dynnets.training import soft_threshold
    >>> method = optax.chain(optax.sgd(0.1), soft_threshold(0.01))
    >>> x = jnp.array([0.005, 1.0])
    >>> update, _ = method.update(jnp.array([0.0, 2.0]), method.init(x), x)
    >>> [round(float(v), 3) for v in x + update]
    [0.0, 0.79]

    ```
    """
    check_positive("threshold", threshold)

    def update(updates, state, params=None):
        if params is None:
            raise ValueError("soft_threshold needs the parameters: update(updates, state, params)")

        def one(change, value):
            moved = value + change
            kept = jnp.sign(moved) * jnp.maximum(jnp.abs(moved) - threshold, 0)
            return kept - value

        return jax.tree.map(one, updates, params), state

    return optax.GradientTransformation(lambda params: optax.EmptyState(), update)


class CoefficientPenalty(eqx.Module):
    """`loss(model, batch) + strength sum_k |c_k|` over the library coefficients of the model.

    It shrinks the true coefficients too, by an amount of order `strength`, and leaves the others
    small but not zero: refit what it finds without it (`fit_sparse`).

    **Arguments:** `loss`: any loss; `strength`: positive, else `ValueError`.
    """

    loss: Callable
    strength: float = eqx.field(static=True)

    def __check_init__(self):
        check_positive("strength", self.strength)

    def __call__(self, model, batch, *, key):
        """The penalised loss, a scalar."""
        size = sum(jnp.sum(jnp.abs(part.active)) for part in library_parts(model))
        return self.loss(model, batch, key=key) + self.strength * size
