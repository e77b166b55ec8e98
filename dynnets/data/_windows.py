"""Cutting trajectories: windows, splits in time or by trial, and estimated derivatives.

These functions run on the host (their results' sizes depend on the data) and never mix samples
of two trials or of the padding.
"""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import check_choice, check_size

from ._trajectories import Samples, Trajectories, Trial, at_host, numpy_trials


def windows(trajectories: Trajectories, length: int, stride: int = 1) -> Trajectories:
    """All windows of `length` consecutive samples, each a trial of the result.

    **Arguments:** `length`: how many samples a window has, at least two; `stride`: how many samples
    lie between the starts of two windows of one trial.

    **Returns** a set of equally long trials, so without padding. Raises `ValueError` if no
    trial is as long as `length`.
    """
    check_size("length", length, 2)
    check_size("stride", stride)
    lengths = np.asarray(trajectories.lengths)
    starts = [np.arange(0, n - length + 1, stride) for n in lengths]
    trial = np.repeat(np.arange(len(lengths)), [len(s) for s in starts])
    if not trial.size:
        raise ValueError(f"length {length} exceeds the longest trial, of {lengths.max()} samples")
    at = (trial[:, None], np.concatenate(starts)[:, None] + np.arange(length)[None, :])
    return Trajectories(
        ts=_at(trajectories.ts, at),
        xs=_at(trajectories.xs, at),
        us=_at(trajectories.us, at),
        dxs=_at(trajectories.dxs, at),
        lengths=jnp.full(trial.shape, length, trajectories.lengths.dtype),
        names=trajectories.names,
        input_names=trajectories.input_names,
        phase=trajectories.phase,
        source=trajectories.source,
    )


def split_time(trajectories: Trajectories, *times: float) -> tuple[Trajectories, ...]:
    """Cut every trial at the given times: `k` times give `k + 1` parts, in order.

    Part `i` holds the samples with `times[i-1] <= t < times[i]`; a trial with fewer than two
    samples in a part is left out of that part. Raises `ValueError` for times that do not
    increase and for a part without samples.
    """
    if not times or list(times) != sorted(set(times)):
        raise ValueError(f"the cutting times must strictly increase, got {times}")
    ts, lengths = np.asarray(trajectories.ts), np.asarray(trajectories.lengths)
    cuts = [np.searchsorted(t[:n], times) for t, n in zip(ts, lengths, strict=True)]
    return _cut(trajectories, np.array(cuts), f"the times {times}")


def split_counts(trajectories: Trajectories, *counts: int) -> tuple[Trajectories, ...]:
    """Cut every trial after the given sample counts: `k` counts give `k + 1` parts.

    Part `i` holds the samples numbered `counts[i-1] .. counts[i] - 1` of each trial.
    Raises `ValueError` for counts that do not increase and for a part without samples.
    """
    if not counts or list(counts) != sorted(set(counts)) or counts[0] < 1:
        raise ValueError(f"the counts must be positive and strictly increase, got {counts}")
    lengths = np.asarray(trajectories.lengths)
    cuts = np.minimum(np.array(counts)[None, :], lengths[:, None])
    return _cut(trajectories, cuts, f"the counts {counts}")


def split_fractions(
    trajectories: Trajectories,
    fractions: Sequence[float],
    *,
    by: str = "time",
    key: PRNGKeyArray | None = None,
) -> tuple[Trajectories, ...]:
    """Cut into parts of the given fractions, for instance `(0.7, 0.15, 0.15)`.

    **Arguments:** `fractions`: positive numbers whose sum is 1; `by`: `"time"` cuts the samples of
    every trial in their order (the last part is the end of the record), `"trials"` deals whole
    trials out; `key`: shuffles the trials first, with `by="trials"` only.

    **Returns** one set for each fraction. Raises `ValueError` for fractions that are not positive
    or do not sum to 1, an unknown `by`, and a part without samples.
    """
    check_choice("by", by, ("time", "trials"))
    if min(fractions, default=0) <= 0 or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"the fractions must be positive and sum to 1, got {tuple(fractions)}")
    edges = np.cumsum(fractions)[:-1]
    what = f"the fractions {tuple(fractions)}"
    if by == "time":
        if key is not None:
            raise ValueError("key shuffles trials: it goes with by='trials', got by='time'")
        lengths = np.asarray(trajectories.lengths)
        cuts = np.rint(edges[None, :] * lengths[:, None]).astype(int)
        return _cut(trajectories, cuts, what)
    count = len(trajectories)
    order = np.arange(count) if key is None else np.asarray(jr.permutation(key, count))
    parts = np.split(order, np.rint(edges * count).astype(int))
    if not all(part.size for part in parts):
        raise ValueError(f"{what} leave a part without any of the {count} trials")
    return tuple(trajectories.select(part.tolist()) for part in parts)


def _cut(trajectories: Trajectories, cuts: np.ndarray, what: str) -> tuple[Trajectories, ...]:
    """The parts between `cuts (trials, k)`, sample numbers that increase along each row."""
    lengths = np.asarray(trajectories.lengths)
    bounds = np.concatenate([np.zeros_like(cuts[:, :1]), cuts, lengths[:, None]], axis=1)
    trials = numpy_trials(trajectories)
    parts = []
    for i in range(bounds.shape[1] - 1):
        rows = zip(trials, bounds[:, i].tolist(), bounds[:, i + 1].tolist(), strict=True)
        kept = [_slice(trial, low, high) for trial, low, high in rows if high - low >= 2]
        if not kept:
            raise ValueError(f"{what} leave part {i} with fewer than two samples in every trial")
        parts.append(trajectories.with_trials(kept))
    return tuple(parts)


def _mask(trajectories: Trajectories) -> np.ndarray:
    """`trajectories.mask` computed on the host."""
    index = np.arange(trajectories.ts.shape[1])
    return index[None, :] < np.asarray(trajectories.lengths)[:, None]


def _at(array: Array | None, index) -> Any:
    """`at_host`, as an array of JAX."""
    return None if array is None else jnp.asarray(at_host(array, index))


def _slice(trial: Trial, low: int, high: int) -> Trial:
    part = slice(low, high)
    us, dxs = at_host(trial.us, part), at_host(trial.dxs, part)
    return Trial(at_host(trial.ts, part), at_host(trial.xs, part), us, dxs)


def samples(trajectories: Trajectories) -> Samples:
    """The measured samples with their known derivatives `dxs`.

    Raises `ValueError` if the set carries no derivatives; estimate them then with
    `midpoint_derivatives`.
    """
    if trajectories.dxs is None:
        raise ValueError("these trajectories carry no derivatives; use midpoint_derivatives")
    keep = _mask(trajectories)
    t, x, dx = (_at(a, keep) for a in (trajectories.ts, trajectories.xs, trajectories.dxs))
    return Samples(t, x, dx, _at(trajectories.us, keep))


def midpoint_derivatives(trajectories: Trajectories) -> Samples:
    """Differences of neighbouring samples, attributed to the midpoint of their step.

    `t = (t_i + t_{i+1})/2`, `x = (x_i + x_{i+1})/2`, `dx = (x_{i+1} - x_i)/(t_{i+1} - t_i)`,
    inputs likewise averaged. Both have errors of second order in the true (irregular) step `h`,
    with no spurious damping: on an oscillation of frequency `w` the pair is consistent with a
    frequency that is off by `w^2 h^2/12`. Noise of deviation `s` enters `dx` as `s sqrt(2)/h`.
    """
    first, second, dx = _differences(trajectories)

    def mean(array):
        values = np.asarray(array)
        return jnp.asarray((values[first] + values[second]) / 2)

    us = None if trajectories.us is None else mean(trajectories.us)
    return Samples(mean(trajectories.ts), mean(trajectories.xs), dx, us)


def forward_differences(trajectories: Trajectories) -> Samples:
    """Forward differences attributed to the start of their step.

    `x = x_i`, `dx = (x_{i+1} - x_i)/(t_{i+1} - t_i)`: of first order. On an oscillation of
    frequency `w` sampled every `h` this pair shows a decay rate of about `w^2 h/2` that is not
    there; it is kept because published results use it. Prefer `midpoint_derivatives`.
    """
    first, _, dx = _differences(trajectories)
    ts, xs = _at(trajectories.ts, first), _at(trajectories.xs, first)
    return Samples(ts, xs, dx, _at(trajectories.us, first))


def _differences(trajectories: Trajectories):
    """Indices of both ends of every measured step, and the differences over the true steps."""
    trial, index = np.nonzero(_mask(trajectories)[:, 1:])
    first, second = (trial, index), (trial, index + 1)
    ts, xs = np.asarray(trajectories.ts), np.asarray(trajectories.xs)
    dx = (xs[second] - xs[first]) / (ts[second] - ts[first])[:, None]
    return first, second, jnp.asarray(dx)


def central_velocities(trajectories: Trajectories) -> Trajectories:
    """The state `(q, dq/dt)` from trajectories of which only the coordinates were measured.

    The velocity is the slope of the parabola through three neighbouring samples, at the middle
    one (at the ends of a trial, at its outer point), with the true irregular steps. Exact for
    parabolas; in general off by `h^2/6 q'''` inside and `h^2/3 q'''` at the ends, and noise of
    deviation `s` enters as `s/(h sqrt(2))` inside and up to `s sqrt(6.5)/h` at the ends: smooth
    or fit coordinates with more noise than that allows.

    **Returns:** states `(2n,)`, `phase="velocities"`, names extended by `d<name>`. Raises
    `ValueError` for trials of fewer than three samples and for states that are not
    `"coordinates only"`.
    """
    if trajectories.phase != "coordinates only":
        raise ValueError(f"expected coordinates only, got a state with {trajectories.phase}")
    trials = []
    for i, trial in enumerate(numpy_trials(trajectories)):
        if len(trial.ts) < 3:
            raise ValueError(f"velocities need at least 3 samples, trial {i} has {len(trial.ts)}")
        slopes = _slopes(np.asarray(trial.ts), np.asarray(trial.xs))
        xs = np.concatenate([trial.xs, slopes], axis=1)
        trials.append(Trial(trial.ts, xs, trial.us, None))
    names = trajectories.names + tuple(f"d{name}" for name in trajectories.names)
    return trajectories.with_trials(trials, names=names, phase="velocities")


def _slopes(ts: np.ndarray, xs: np.ndarray) -> np.ndarray:
    """Slopes of the parabola through three neighbours, `xs (n, d)`, `n >= 3`."""
    h = np.diff(ts)[:, None]
    secant = np.diff(xs, axis=0) / h
    bend = (secant[1:] - secant[:-1]) / (h[1:] + h[:-1])
    inner = secant[:-1] + bend * h[:-1]
    start = secant[:1] - bend[:1] * h[:1]
    end = secant[-1:] + bend[-1:] * h[-1:]
    return np.concatenate([start, inner, end])
