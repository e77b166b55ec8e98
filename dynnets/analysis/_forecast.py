"""How good a forecast is: errors, how long it is valid, how its energy and its clock drift."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dynnets._core import check_positive


def rms(values: Array, axis=None) -> Array:
    """Root of the mean of the squares over `axis` (all by default)."""
    return jnp.sqrt(jnp.mean(values**2, axis=axis))


def _check_pair(ts, predicted, actual) -> tuple[Array, Array, Array]:
    ts, predicted, actual = (jnp.asarray(part) for part in (ts, predicted, actual))
    if predicted.shape != actual.shape:
        raise ValueError(f"forecast and record differ in shape: {predicted.shape}, {actual.shape}")
    if ts.ndim != 1 or predicted.shape[:1] != ts.shape:
        raise ValueError(f"one state per time is needed, got {predicted.shape} for {ts.shape}")
    return ts, predicted, actual


def error_growth(predicted, actual) -> Float[Array, " n"]:
    """RMS over the components of the state at each time, `(n,)`; infinite where not finite.

    **Arguments:** `predicted`, `actual`: `(n, *state)`. Raises `ValueError` for shapes that differ.
    """
    predicted, actual = jnp.asarray(predicted), jnp.asarray(actual)
    if predicted.shape != actual.shape:
        raise ValueError(f"forecast and record differ in shape: {predicted.shape}, {actual.shape}")
    error = rms((predicted - actual).reshape(predicted.shape[0], -1), axis=1)
    return jnp.where(jnp.isfinite(error), error, jnp.inf)


def forecast_error(
    ts,
    predicted,
    actual,
    horizons: Sequence[float | int],
    *,
    mask: Bool[Array, " n"] | None = None,
) -> Float[Array, " horizons"]:
    """RMS error over the first `horizons` units of time after `ts[0]`, one number for each.

    **Arguments:** `ts`: times `(n,)`; `predicted`, `actual`: states at them, `(n, d)`; `horizons`:
    positive lengths of time; `mask`: which samples count (padding does not).

    The first state is given to a forecast, so it is left out. **Returns** NaN for a horizon
    with no sample, infinity where the forecast is not finite. Raises `ValueError` for shapes
    that differ and a horizon that is not positive.
    """
    ts, predicted, actual = _check_pair(ts, predicted, actual)
    for horizon in horizons:
        check_positive("horizon", horizon)
    error = error_growth(predicted, actual)
    counts = jnp.arange(ts.shape[0]) > 0
    if mask is not None:
        counts = counts & mask
    results = []
    for horizon in horizons:
        # Times are stored rounded: a sample at the horizon itself belongs to it.
        inside = counts & (ts - ts[0] <= horizon * (1 + 1e-6))
        total = jnp.sum(jnp.where(inside, error**2, 0))
        results.append(jnp.sqrt(total / jnp.sum(inside).astype(error.dtype)))
    return jnp.stack(results)


def valid_time(ts, predicted, actual, *, threshold: float | int = 0.4, scale: Any = None) -> Array:
    """Time from `ts[0]` until the error first exceeds `threshold * scale`.

    **Arguments:** `ts`: times `(n,)`; `predicted`, `actual`: states at them, `(n, d)`; `scale`:
    size of the record's variation, by default the RMS of `actual` about its mean over time, over
    all components; `threshold`: the fraction of it that ends validity.

    **Returns:** a scalar, the time of the last sample before the first excess less `ts[0]`; the
    whole length when there is none. Raises `ValueError` for shapes that differ and a threshold
    that is not positive.
    """
    ts, predicted, actual = _check_pair(ts, predicted, actual)
    check_positive("threshold", threshold)
    if scale is None:
        scale = rms(actual - jnp.mean(actual, axis=0, keepdims=True))
    good = jnp.cumprod(error_growth(predicted, actual) <= threshold * scale)
    return ts[jnp.maximum(jnp.sum(good) - 1, 0)] - ts[0]


def energy_drift(energy: Callable, ts: Float[Array, " n"], xs: Float[Array, "n d"]) -> Array:
    """`H(t_i, x_i) - H(t_0, x_0)` along a trajectory, `(n,)`. `energy`: `H(t, x)`."""
    values = jax.vmap(energy)(ts, xs)
    return values - values[0]


def drift_rate(ts: Float[Array, " n"], values: Float[Array, " n"]) -> Array:
    """Least-squares slope of `values` against `ts`: tells a drift from a bounded oscillation."""
    centred = ts - jnp.mean(ts)
    return jnp.sum(centred * values) / jnp.sum(centred**2)


def angular_error(
    predicted: Float[Array, "*batch space"], actual: Float[Array, "*batch space"]
) -> Float[Array, "*batch"]:
    """Angle in degrees between two vectors, over the last axis, in `[0, 180]`.

    `2 atan2(|a - b|, |a + b|)` of the unit vectors (Kahan): accurate for the smallest angles,
    where the arc cosine has lost half its digits. NaN where a vector is zero.
    """
    a, b = (v / jnp.sqrt(jnp.sum(v**2, axis=-1, keepdims=True)) for v in (predicted, actual))
    apart, along = (jnp.sqrt(jnp.sum(v**2, axis=-1)) for v in (a - b, a + b))
    return jnp.degrees(2 * jnp.arctan2(apart, along))


def time_scale(field: Callable, reference: Callable, states: Float[Array, "n d"], t=0.0) -> Array:
    """How fast the learned clock runs: mean over `states` of `<f, g> / <g, g>`.

    `f` is the learned field, `g` the true one. 1 is exact; 0.95 means that the forecast takes
    `1 / 0.95` times too long, an error that no energy shows. For the spring `H = q^2 + p^2` it
    is the tangential speed over `2 r`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.analysis import time_scale
    >>> learned, true = (lambda t, x: -0.9 * x), (lambda t, x: -x)
    >>> round(float(time_scale(learned, true, jnp.array([[1.0, 2.0]]))), 3)
    0.9

    ```
    """

    def ratio(x):
        rate, truth = field(t, x), reference(t, x)
        return jnp.sum(rate * truth) / jnp.sum(truth**2)

    return jnp.mean(jax.vmap(ratio)(states))
