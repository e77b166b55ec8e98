"""The loss of models that carry two copies of the state: both are drawn to the data."""

import equinox as eqx
import jax
import jax.numpy as jnp

from dynnets._core import check_choice
from dynnets.models import AbstractModel

from ._trajectory import _check_length, stopped_times

NORMS = ("squared", "absolute")


class CopyMatching(eqx.Module):
    """Both copies of an `NSSNN` against measured states, along rollouts from each trial's first.

    - `"squared"`: the mean over samples, components and copies of `((x - measured) / (t - t_0))^2`.
      A short step barely moves the state; divided by the time the error is one of rates, and
      training does not stall near the identity.
    - `"absolute"`: the mean over samples of `|q - q'|_1 + |p - p'|_1` of both copies, as published.

    **Arguments:**

    - `norm`: one of the two.
    - `shared_times`: all trials have the times of the first one and no padding. The rollout then
      runs on features-first arrays `(d, trials)`, which is faster; it needs a field that takes
      them.

    Call it with a model that has `copies` and a batch such as `Trajectories` (`ts`, `xs`, `mask`;
    `us`, held at its first value, becomes the field's `args`): pairs are trials of two samples,
    windows of more are rolled through. Cost: `T - 1` times `model.substeps` steps per trial. Raises
    `ValueError` for an unknown norm, records of a single sample, a model without copies, and shared
    times for a field that takes one state at a time.

    Source: Xiong et al., Nonseparable Symplectic Neural Networks, ICLR 2021, arXiv:2010.12636.
    """

    norm: str = eqx.field(static=True, default="squared")
    shared_times: bool = eqx.field(static=True, default=False)

    def __check_init__(self):
        check_choice("norm", self.norm, NORMS)

    def __call__(self, model: AbstractModel, batch, *, key=None):
        """The loss, a scalar; `key` is not used."""
        _check_length(batch.xs)
        if not isinstance(model, AbstractModel) or model.copies is None:
            raise ValueError(
                f"{type(model).__name__} has no two copies of the state: train it by "
                "TrajectoryMatching or OneStepMatching, or take NSSNN"
            )
        mask = batch.mask[:, 1:]
        elapsed = (batch.ts - batch.ts[:, :1])[:, 1:]
        total = jnp.zeros((), batch.xs.dtype)
        for copy in self._roll(model, batch):
            residual = (copy - batch.xs)[:, 1:]
            if self.norm == "squared":
                size = (residual / elapsed[..., None]) ** 2 / (2 * residual.shape[-1])
            else:
                size = jnp.abs(residual)
            total = total + jnp.sum(jnp.where(mask[..., None], size, jnp.zeros_like(size)))
        return total / jnp.maximum(jnp.sum(mask, dtype=total.dtype), 1)

    def _roll(self, model, batch):
        """Both copies, each `(trials, T, d)`."""
        x0 = batch.xs[:, 0]
        inputs = None if batch.us is None else batch.us[:, 0]
        if not self.shared_times:
            times = stopped_times(batch.ts, batch.mask)
            axes = (0, 0, None if inputs is None else 0)
            return jax.vmap(model.copies, in_axes=axes)(x0, times, inputs)
        if not model.field.features_first:
            raise ValueError(f"shared_times needs a features-first field, got {model.field!r}")
        inputs = None if inputs is None else inputs.T
        return tuple(jnp.moveaxis(c, -1, 0) for c in model.copies(x0.T, batch.ts[0], inputs))
