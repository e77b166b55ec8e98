"""Losses that compare vector fields: predicted against measured time derivatives."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from dynnets.data import batch_part
from dynnets.fields import AbstractField
from dynnets.models import AbstractModel


def derivative_matching(model: AbstractModel, batch, *, key=None):
    """Mean of `(f_i(t, x, u) - x'_i)^2` over samples and components.

    `f` is `model.field`; the mean counts all `d` components, `2n` for a phase space.

    **Arguments:**

    - `model`: an `AbstractModel` with a `field`.
    - `batch`: `x (N, d)`, `dx (N, d)`, `t (N,)` and `u (N, m)` or `None`, such as `Samples`.
    - `key`: not used: the loss is deterministic.

    Cost: one evaluation of the field per sample, on features-first arrays `(d, N)` if the field
    says that it takes them (`features_first`), else by `jax.vmap`.
    Raises `ValueError` for data without derivatives, a model without a field, and `x` and `dx` of
    different shapes.

    Source: Greydanus, Dzamba and Yosinski, Hamiltonian Neural Networks, NeurIPS 2019.
    """
    if batch_part(batch, "dx") is None:
        raise ValueError(
            f"{type(batch).__name__} holds no derivatives dx: take samples(record) where they were "
            "measured, midpoint_derivatives(record), or a loss of states such as "
            "TrajectoryMatching(step)"
        )
    check_has_field(model)
    x, dx = batch.x, batch.dx
    if x.shape != dx.shape or x.ndim != 2:
        raise ValueError(f"x and dx must have one shape (samples, d), got {x.shape}, {dx.shape}")
    return jnp.mean((batched_field(model.field, batch.t, x.T, _rows(batch.u)) - dx.T) ** 2)


def check_has_field(model) -> None:
    """Raise `ValueError`, naming the loss that fits, for a model without a vector field."""
    if not isinstance(model, AbstractModel) or model.field is None:
        raise ValueError(
            f"{type(model).__name__} has no vector field: train it by flow_matching on "
            "flow_samples(record)"
        )


def _rows(u):
    return None if u is None else u.T


def batched_field(field: AbstractField | Callable, t, x, u):
    """`f(t, x, u)` on features-first arrays: `t (N,)`, `x (d, N)`, `u (m, N)` or `None`."""
    if isinstance(field, AbstractField) and field.features_first:
        return field(t, x, u)
    axes = (0, -1, None if u is None else -1)
    return jax.vmap(field, in_axes=axes, out_axes=-1)(t, x, u)
