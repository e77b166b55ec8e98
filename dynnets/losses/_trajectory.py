"""Losses that compare states: a model's rollout against measured trajectories.

Times may be irregular, trials of different length, and inputs `u(t)` may drive the model.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array

from dynnets._core import check_choice, check_key, check_positive, check_size
from dynnets.data import batch_part
from dynnets.integrators import AbstractStep, Reversible, rollout
from dynnets.models import AbstractModel

from ._derivative import _rows, check_has_field

INPUTS = ("linear", "zero_order_hold")


class _Ramp(eqx.Module):
    """The straight line through the inputs at both ends of an interval; constant if it is empty."""

    start: Array
    width: Array
    first: Array
    last: Array

    def __call__(self, t):
        width = jnp.where(self.width == 0, jnp.ones_like(self.width), self.width)
        return self.first + (t - self.start) / width * (self.last - self.first)


def _forced_rollout(step, field, x0, ts, us, hold: str, **options):
    """States at `ts` under inputs given at `ts`: one rollout per interval, scanned."""

    def interval(x, pieces):
        start, end, first, last = pieces
        u = first if hold == "zero_order_hold" else _Ramp(start, end - start, first, last)
        x = rollout(step, field, x, jnp.stack([start, end]), u, **options).xs[-1]
        return x, x

    xs = jax.lax.scan(interval, x0, (ts[:-1], ts[1:], us[:-1], us[1:]))[1]
    return jnp.concatenate([x0[None], xs])


def _states(step, field, x0, ts, us, hold, **options):
    if us is None:
        return rollout(step, field, x0, ts, **options).xs
    return _forced_rollout(step, field, x0, ts, us, hold, **options)


def step_of(step: AbstractStep | Callable | None, model: AbstractModel):
    """The given step, or that of the model's own forecasts for `None`."""
    if step is None and model.step is None:
        raise ValueError(f"{type(model).__name__} has no step of its own: give the loss a step")
    return model.step if step is None else step


def _scaled(residual, mask, scale):
    """`residual (trials, T, d)` in units of `scale`, zero where nothing was measured."""
    if scale is not None:
        residual = residual / scale.reshape((1, 1, -1))
    return jnp.where(mask[..., None], residual, jnp.zeros_like(residual))


def _masked_mean(residual, mask):
    """Mean square of what `_scaled` gives, over valid samples and all components."""
    count = jnp.sum(mask, dtype=residual.dtype) * residual.shape[-1]
    return jnp.sum(residual**2) / jnp.maximum(count, 1)


def _noisy(x, noise, key):
    return x + noise * jr.normal(check_key(key, "the noise"), x.shape, x.dtype) if noise else x


def stopped_times(ts, mask):
    """Times that stand still after the last valid sample: padding then costs no blow-up."""
    last = jnp.max(jnp.where(mask, ts, ts[:, :1]), axis=1, keepdims=True)
    return jnp.where(mask, ts, last)


def _check_common(substeps, inputs, noise):
    check_size("substeps", substeps)
    check_choice("inputs", inputs, INPUTS)
    if noise:
        check_positive("noise", noise)


class OneStepMatching(eqx.Module):
    """Mean of `(step(f, t_k, x_k, h_k) - x_{k+1})_i^2` over all neighbours in a record.

    **Arguments:**

    - `step`: one of `dynnets.integrators`, or `None` for the model's own `step`, whose parameters
      are then trained with the rest; `substeps`: equal steps between two samples.
    - `inputs`: how `u` goes between samples, `"linear"` or `"zero_order_hold"`.
    - `scale`: typical size of each component, `(d,)`; residuals are divided by it.
    - `noise`: standard deviation of normal noise added to the states before the step.

    Call it with a model that has a `.field`, a batch such as `Trajectories` (`ts`, `xs`, `us`,
    `mask`), and a key (used by the noise only). Cost: one step per sample, all in parallel.
    Raises `ValueError` for unknown `inputs` and records of a single sample.
    """

    step: Callable | None
    substeps: int = eqx.field(static=True, default=1)
    inputs: str = eqx.field(static=True, default="linear")
    scale: Array | None = None
    noise: float = eqx.field(static=True, default=0.0)

    def __check_init__(self):
        _check_common(self.substeps, self.inputs, self.noise)

    def __call__(self, model: AbstractModel, batch, *, key=None):
        """The loss, a scalar; a `key` is needed with noise only."""
        return _masked_mean(*self._residual(model, batch, key))

    def residual(self, model: AbstractModel, batch, *, key=None):
        """What the loss is the mean square of, `(trials, T - 1, d)`: for `fit_least_squares`.

        In units of `scale`, zero on padding. With `by_sample=True` there, a
        sample is a trial.
        """
        return self._residual(model, batch, key)[0]

    def _residual(self, model: AbstractModel, batch, key):
        """The residual and the mask of its samples."""
        check_has_field(model)
        _check_length(batch.xs)
        ts = stopped_times(batch.ts, batch.mask)
        field, us, step = model.field, batch.us, step_of(self.step, model)

        def one(x, start, end, first, last):
            ends = None if us is None else jnp.stack([first, last])
            times = jnp.stack([start, end])
            return _states(step, field, x, times, ends, self.inputs, substeps=self.substeps)[1]

        x0 = _noisy(batch.xs[:, :-1], self.noise, key)
        pieces = (x0, ts[:, :-1], ts[:, 1:])
        pairs = (None, None) if us is None else (us[:, :-1], us[:, 1:])
        axes = (0, 0, 0) + ((None, None) if us is None else (0, 0))
        predicted = jax.vmap(jax.vmap(one, in_axes=axes), in_axes=axes)(*pieces, *pairs)
        mask = batch.mask[:, 1:]
        return _scaled(predicted - batch.xs[:, 1:], mask, self.scale), mask


class TrajectoryMatching(eqx.Module):
    """Mean of `(x_i(t_k) - measured_i(t_k))^2` along rollouts from the first state of each trial.

    **Arguments:**

    - `step`, `substeps`, `inputs`, `scale`: as for `OneStepMatching`.
    - `noise`: standard deviation of normal noise added to the initial states.
    - `observed`: which components of the state the record holds, in its order; all by default.
    - `shared_times`: all trials have the times of the first one. The rollout then runs on
      features-first arrays `(d, trials)`, which is faster for narrow nets; it needs a field that
      takes them, and the record's padding is rolled through.
    - `adjoint`: `Reversible()` for gradients in memory that does not grow with `substeps`, by the
      exact inverse of the step; see `rollout`.

    The initial states are the measured ones, or `model.initial_states` if the model is
    `FreeInitialStates` (then the first sample counts too). Otherwise the first sample, which is
    met exactly, does not count. Cost: `T - 1` times `substeps` steps, trials in parallel.
    Raises `ValueError` for unknown `inputs`, records of a single sample, and free initial states
    that do not fit the batch.
    """

    step: Callable | None
    substeps: int = eqx.field(static=True, default=1)
    inputs: str = eqx.field(static=True, default="linear")
    scale: Array | None = None
    noise: float = eqx.field(static=True, default=0.0)
    observed: tuple[int, ...] | None = eqx.field(static=True, default=None)
    shared_times: bool = eqx.field(static=True, default=False)
    adjoint: Reversible | None = None

    def __check_init__(self):
        _check_common(self.substeps, self.inputs, self.noise)

    def __call__(self, model: AbstractModel, batch, *, key=None):
        """The loss, a scalar; a `key` is needed with noise only."""
        return _masked_mean(*self._residual(model, batch, key))

    def residual(self, model: AbstractModel, batch, *, key=None):
        """What the loss is the mean square of, `(trials, T - 1, d)`: for `fit_least_squares`.

        In units of `scale`, zero on padding; `(trials, T, d)` with free initial states.
        With `by_sample=True` there, a sample is a trial.
        """
        return self._residual(model, batch, key)[0]

    def _residual(self, model: AbstractModel, batch, key):
        """The residual and the mask of its samples."""
        check_has_field(model)
        _check_length(batch.xs)
        x0, is_free = _initial_states(model, batch)
        predicted = self._roll(model, _noisy(x0, self.noise, key), batch)
        if self.observed is not None:
            predicted = predicted[..., jnp.asarray(self.observed)]
        if predicted.shape != batch.xs.shape:
            raise ValueError(
                f"the model gives states of shape {predicted.shape}, the record has "
                f"{batch.xs.shape}: name the measured components by observed=(...)"
            )
        skip = 0 if is_free else 1
        residual = (predicted - batch.xs)[:, skip:]
        mask = batch.mask[:, skip:]
        return _scaled(residual, mask, self.scale), mask

    def _roll(self, model, x0, batch):
        """States `(trials, T, d)`."""
        field, step = model.field, step_of(self.step, model)
        options = {"substeps": self.substeps, "adjoint": self.adjoint}
        if self.shared_times:
            if not field.features_first:
                raise ValueError(f"shared_times needs a features-first field, got {field!r}")
            us = None if batch.us is None else jnp.moveaxis(batch.us, 0, -1)
            xs = _states(step, field, _rows(x0), batch.ts[0], us, self.inputs, **options)
            return jnp.moveaxis(xs, -1, 0)

        def one(x, times, inputs):
            return _states(step, field, x, times, inputs, self.inputs, **options)

        axes = (0, 0, None if batch.us is None else 0)
        times = stopped_times(batch.ts, batch.mask)
        return jax.vmap(one, in_axes=axes)(x0, times, batch.us)


def _check_length(xs):
    if xs.ndim != 3 or xs.shape[1] < 2:
        raise ValueError(f"a trajectory needs at least two samples, got states of shape {xs.shape}")


def _initial_states(model, batch):
    """The states to start from, `(trials, d)`, and whether they are free."""
    free = model.initial_states
    if free is None:
        return batch.xs[:, 0], False
    index, trials = batch_part(batch, "index"), batch.xs.shape[0]
    if index is not None:
        return free[index], True
    if free.shape[0] != trials:
        raise ValueError(
            f"the model has {free.shape[0]} free initial states, the batch {trials} trials: "
            "use index_trials(data), which tells which trial is which in a minibatch"
        )
    return free, True
