"""The numbers of the table: how far a forecast of the held-out end goes wrong, and how."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from dynnets.analysis import energy_drift, error_growth, forecast_error, valid_time
from dynnets.data import Trajectories, Trial

from ._record import Record

SCORE = "validation"
"""The metric to choose a model by."""
HORIZONS = (0.1, 0.3, 1.0)
"""Shares of the held-out end over which errors are reported."""
THRESHOLD = 0.4
"""The error, in units of the spread, up to which a forecast is called valid."""


class Persistence(eqx.Module):
    """The baseline that nothing moves: the state at the start of the forecast, for ever."""

    @property
    def energy(self) -> None:
        """`None`."""
        return None

    def predict(self, x0, ts, args=None):
        """`x0` at every time."""
        return jnp.broadcast_to(x0, (ts.shape[0], x0.shape[0]))


class Measured(NamedTuple):
    """The forecasts of the held-out end by one candidate.

    `paths`: the states, `(seeds, trials, T, d)`; `growth`: the error against time on the first
    trial, `(T, seeds)`.
    """

    paths: np.ndarray
    growth: np.ndarray


def energy_scale(energy: Callable, xs, centre):
    """Size of the energy of the motion through the states `xs (n, d)`; no constant in `H` counts.

    The larger of the mean of `H(x) - H(centre)` and half the mean of `|(x - centre) . grad H| / 2`:
    for an oscillator the energy itself.
    """
    slopes = jax.vmap(lambda x: jax.grad(lambda y: energy(0.0, y))(x))(xs)
    virial = jnp.mean(jnp.abs(jnp.sum((xs - centre[None]) * slopes, axis=1))) / 2
    above = jnp.mean(jax.vmap(lambda x: energy(0.0, x))(xs)) - energy(0.0, centre)
    return jnp.fmax(virial / 2, above)


def _thinned(states, most: int = 512):
    return states[:: max(1, states.shape[0] // most)]


def measure(
    record: Record, models: Any, true_energy: Callable | None = None
) -> tuple[dict[str, np.ndarray], Measured]:
    """Forecast the validation part and the held-out end of every trial, and compare.

    Each forecast starts from the measured state at the beginning of its part. The metrics, each
    `(seeds,)`, over several trials their median, are: `error
    10%`, `30%`, `100%`: RMS over the components in units of their spread, over that share of the
    held-out length; `validation`: the same over the validation part; `valid time`: until the
    error exceeds 0.4, in the record's time; `energy drift`, `true energy drift`: largest change
    along the forecast over the energy of the motion.

    **Arguments:** `models`: a stack over the seeds, or one model without arrays. Cost: one
    compiled program.
    """
    both = record.whole.with_trials([_from_zero(t) for part in (record.validation, record.held_out)
                                     for t in part])  # fmt: skip
    states = np.asarray(record.train.xs)[np.asarray(record.train.mask)]
    scale = jnp.asarray(states.std(axis=0))
    out = _all_numbers(
        models, both, scale, jnp.asarray(_thinned(states)), record.units.centre, true_energy
    )
    out = jax.tree.map(np.asarray, out)
    count = len(record.validation)
    return _collect(out, count, np.asarray(both.ts)[count:])


def _from_zero(trial: Trial) -> Trial:
    """Times counted from the start: nothing here depends on the origin of time."""
    return trial._replace(ts=np.asarray(trial.ts) - np.asarray(trial.ts)[0], dxs=None)


@eqx.filter_jit
def _all_numbers(models, part: Trajectories, scale, states, centre, true_energy):
    """The forecasts, `(seeds, trials, T, d)`, and their errors, of every seed and trial."""

    def one_trial(model, ts, xs, us, keep, length):
        path = model.predict(xs[0], ts, us)
        span = ts[length - 1]
        shown = jnp.where(keep[:, None], path, xs)
        a, b = shown / scale[None], xs / scale[None]
        out = {
            "errors": forecast_error(ts / span, a, b, HORIZONS, mask=keep),
            "valid": jnp.minimum(valid_time(ts, a, b, threshold=THRESHOLD, scale=1.0), span),
            "growth": error_growth(a, b),
            "path": path,
        }
        for name, energy in (("drift", model.energy), ("true_drift", true_energy)):
            if energy is not None:
                drift = energy_drift(energy, ts, jnp.where(jnp.isfinite(shown), shown, 0.0))
                finite = jnp.isfinite(path).all() | ~keep.all()
                out[name] = jnp.where(finite, jnp.abs(jnp.where(keep, drift, 0.0)).max(), jnp.inf)
        return out

    def one_model(model):
        axes = (None, 0, 0, None if part.us is None else 0, 0, 0)
        out = jax.vmap(one_trial, in_axes=axes)(
            model, part.ts, part.xs, part.us, part.mask, part.lengths
        )
        for name, energy in (("scale", model.energy), ("true_scale", true_energy)):
            if energy is not None:
                out[name] = energy_scale(energy, states, centre)
        return out

    if not jax.tree.leaves(eqx.filter(models, eqx.is_array)):
        return jax.tree.map(lambda a: a[None], one_model(models))
    return eqx.filter_vmap(one_model)(models)


def _collect(out: dict, count: int, ts: np.ndarray) -> tuple[dict[str, np.ndarray], Measured]:
    """Medians over the trials; the first `count` of them are the validation part."""
    errors = np.median(out["errors"][:, count:], axis=1)
    metrics = {f"error {share:.0%}": errors[:, i] for i, share in enumerate(HORIZONS)}
    metrics[SCORE] = np.median(out["errors"][:, :count, -1], axis=1)
    metrics["valid time"] = np.median(out["valid"][:, count:], axis=1)
    for name, drift, scale in (
        ("energy drift", "drift", "scale"),
        ("true energy drift", "true_drift", "true_scale"),
    ):
        if drift in out:
            metrics[name] = np.median(out[drift][:, count:], axis=1) / out[scale]
    return metrics, Measured(out["path"][:, count:], out["growth"][:, count].T)
