"""The record of the outer solar system and its parts: windows, sizes, forecasts of a part.

Everything is fitted to 1900-1950; 1950-1960 selects; nothing after 1960 is seen.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynnets.data import Trajectories, load_solar_system, split_time, windows


class SolarData(NamedTuple):
    """The record and its parts; `close`, `far`: bounds of the distances in the training part."""

    whole: Trajectories
    train: Trajectories
    validation: Trajectories
    test: Trajectories
    close: float
    far: float

    @property
    def step(self) -> float:
        """Years between two samples."""
        return float(self.train.ts[0, 1] - self.train.ts[0, 0])


def solar_data(train_until: float = 1950.0, select_until: float = 1960.0) -> SolarData:
    """Sun, Jupiter, Saturn, Uranus and Neptune, 1900-2050, cut into the three parts.

    Sampled 91 times in ten years (every 40.14 days), so that every decade begins at a sample.
    """
    whole = load_solar_system(1900.0, 2050.0, 3652.5 / 91)
    train, validation, test = split_time(whole, train_until, select_until)
    q = np.asarray(train.xs[0])[:, : whole.dim // 2].reshape(len(train.ts[0]), -1, 3)
    r = np.linalg.norm(q[:, :, None] - q[:, None], axis=-1)[:, *np.triu_indices(q.shape[1], 1)]
    return SolarData(whole, train, validation, test, float(r.min()), float(r.max()))


def body_scales(xs: Array) -> Array:
    """RMS size of every body's position and velocity, `(d,)`, from states `(n, d)`."""
    points = xs.reshape(xs.shape[0], -1, 3)
    return jnp.repeat(jnp.sqrt(jnp.mean(jnp.sum(points**2, axis=2), axis=0) / 3), 3)


def masses_at_rest(xs: Array) -> Array:
    """First guess of the masses relative to body 0, `(bodies,)`: those that keep the momentum.

    Least squares for `v_0 + sum_i m_i v_i = constant` on measured velocities: linear, since
    momentum is conserved whatever the law. Negative results are replaced by a small mass.
    """
    v = xs[:, xs.shape[1] // 2 :].reshape(xs.shape[0], -1, 3)
    v = v - jnp.mean(v, axis=0, keepdims=True)
    columns = jnp.moveaxis(v[:, 1:], 1, -1).reshape(-1, v.shape[1] - 1)
    ratios = -jnp.linalg.lstsq(columns, v[:, 0].reshape(-1))[0]
    return jnp.concatenate([jnp.ones_like(ratios[:1]), jnp.maximum(ratios, 1e-7)])


def accelerations(part: Trajectories) -> Array:
    """RMS size of every body's acceleration, `(bodies,)`, from differences of velocities."""
    ts, xs = part.ts[0], part.xs[0]
    v = xs[:, xs.shape[1] // 2 :].reshape(xs.shape[0], -1, 3)
    rates = jnp.diff(v, axis=0) / jnp.diff(ts)[:, None, None]
    return jnp.sqrt(jnp.mean(jnp.sum(rates**2, axis=2), axis=0))


def thinned(part: Trajectories, every: int) -> Trajectories:
    """Every `every`-th sample of a part."""
    return part.with_trials([t._replace(ts=t.ts[::every], xs=t.xs[::every]) for t in part])


def pieces(part: Trajectories, steps: int) -> Trajectories:
    """Windows of `steps` times 120 days, half of all that the part holds."""
    return windows(thinned(part, 3), steps + 1, 2 * steps)


def fall(data: SolarData, steps: int) -> Array:
    """How far each body falls in such a window and how much its velocity changes, `(d,)`."""
    pulls = jnp.repeat(accelerations(data.train), 3)
    length = 3 * steps * data.step
    return jnp.concatenate([pulls * length**2 / 2, pulls * length])


def forecast_part(models: eqx.Module, starts: Array | None, part: Trajectories, data: SolarData):
    """Forecasts of the times of a part, `(seeds, n, d)`.

    **Arguments:** `models`: a stack over the seeds; `starts`: states at the beginning of the whole
    record, `(seeds, d)`, from which to forecast, or `None`: from the part's first measured state.
    """
    ts, first = part.ts[0], part.xs[0, 0]
    until = data.whole.ts[0, : int(jnp.searchsorted(data.whole.ts[0], ts[-1])) + 1]

    def one(model, start):
        if start is None:
            return model.predict(first, ts)
        return model.predict(start, until)[-ts.shape[0] :]

    axes = (eqx.if_array(0), None if starts is None else 0)
    return eqx.filter_vmap(one, in_axes=axes)(models, starts)


def selection_error(models: eqx.Module, starts: Array | None, data: SolarData) -> Array:
    """RMS error of the positions over 1950-1960, `(seeds,)`; infinite where not finite."""
    path, half = forecast_part(models, starts, data.validation, data), data.whole.dim // 2
    misfit = (path - data.validation.xs)[:, :, :half]
    errors = jnp.sqrt(jnp.mean(misfit**2, axis=(1, 2)))
    return jnp.where(jnp.isfinite(errors), errors, jnp.inf)
