"""Windows, splits and estimated derivatives never mix trials or touch padding."""

import jax.random as jr
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dynnets.data import (
    Trajectories,
    central_velocities,
    forward_differences,
    midpoint_derivatives,
    samples,
    split_counts,
    split_fractions,
    split_time,
    windows,
)


def _data(lengths, inputs=0, seed=0):
    """Trials on irregular times; the state tells trial and sample."""
    rng = np.random.default_rng(seed)
    ts = [np.cumsum(rng.uniform(0.1, 1.0, n)) for n in lengths]
    xs = [np.stack([np.full(n, i), np.arange(n)], 1).astype(float) for i, n in enumerate(lengths)]
    us = [rng.normal(size=(n, inputs)) for n in lengths] if inputs else None
    return Trajectories.from_trials(ts, xs, us, dxs_list=xs)


@settings(max_examples=10, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=4),
    length=st.integers(2, 9),
    stride=st.integers(1, 4),
)
def test_windows_hold_consecutive_samples(lengths, length, stride):
    data = _data(lengths, inputs=1)
    expected = sum(len(range(0, n - length + 1, stride)) for n in lengths)
    if not expected:
        with pytest.raises(ValueError, match=f"length {length} exceeds the longest trial"):
            windows(data, length, stride)
        return
    cut = windows(data, length, stride)
    assert cut.xs.shape == (expected, length, 2)
    assert cut.us.shape == (expected, length, 1)
    assert np.asarray(cut.mask).all()
    xs = np.asarray(cut.xs)
    assert np.all(xs[:, :, 0] == xs[:, :1, 0])
    assert np.all(np.diff(xs[:, :, 1], axis=1) == 1)
    assert np.all(xs[:, 0, 1] % stride == 0)


def test_windows_refuse_bad_sizes():
    with pytest.raises(ValueError, match="length must be an integer of at least 2, got 1"):
        windows(_data([4]), 1)
    with pytest.raises(ValueError, match="stride must be an integer of at least 1, got 0"):
        windows(_data([4]), 2, 0)


def test_split_time_cuts_every_trial():
    ts = [np.arange(10.0), np.arange(5.0, 12.0)]
    data = Trajectories.from_trials(ts, [t[:, None] for t in ts])
    early, late = split_time(data, 6.0)
    assert early.lengths.tolist() == [6]  # the second trial has one sample there: left out
    assert late.lengths.tolist() == [4, 6]
    assert float(late.ts.min()) == 6.0
    assert float(early.ts.max()) == 5.0
    with pytest.raises(ValueError, match="leave part 1 with fewer than two samples"):
        split_time(data, 100.0)
    with pytest.raises(ValueError, match="strictly increase, got"):
        split_time(data, 3.0, 2.0)


def test_split_counts_is_exact():
    first, second, third = split_counts(_data([10, 4]), 3, 7)
    assert first.lengths.tolist() == [3, 3]
    assert second.lengths.tolist() == [4]
    assert third.lengths.tolist() == [3]
    assert third.trial(0).xs[:, 1].tolist() == [7.0, 8.0, 9.0]
    with pytest.raises(ValueError, match="positive and strictly increase"):
        split_counts(_data([10]), 0)


@settings(max_examples=10, deadline=None)
@given(n=st.integers(20, 60), share=st.floats(0.2, 0.8))
def test_split_fractions_along_time(n, share):
    train, rest = split_fractions(_data([n, n + 3]), (share, 1 - share))
    assert train.lengths[0] + rest.lengths[0] == n
    assert abs(int(train.lengths[0]) - share * n) <= 0.5
    joined = np.concatenate([train.trial(1).xs, rest.trial(1).xs])
    np.testing.assert_array_equal(joined[:, 1], np.arange(n + 3.0))


def test_split_fractions_by_trial():
    data = _data([4] * 10)
    parts = split_fractions(data, (0.7, 0.15, 0.15), by="trials")
    assert [len(part) for part in parts] == [7, 1, 2]
    shuffled = split_fractions(data, (0.5, 0.5), by="trials", key=jr.key(0))
    seen = np.concatenate([np.asarray(part.xs[:, 0, 0]) for part in shuffled])
    assert sorted(seen) == list(range(10))
    assert list(seen) != sorted(seen)
    with pytest.raises(ValueError, match="leave a part without"):
        split_fractions(_data([4]), (0.5, 0.5), by="trials")
    with pytest.raises(ValueError, match="sum to 1"):
        split_fractions(data, (0.5, 0.4))
    with pytest.raises(ValueError, match="did you mean 'trials'"):
        split_fractions(data, (0.5, 0.5), by="trial")


@settings(max_examples=10, deadline=None)
@given(lengths=st.lists(st.integers(2, 9), min_size=1, max_size=4))
def test_differences_stay_within_trials(lengths):
    data = _data(lengths, inputs=2)
    for points in (midpoint_derivatives(data), forward_differences(data)):
        assert len(points) == sum(lengths) - len(lengths)
        np.testing.assert_array_equal(points.dx[:, 0], 0)  # the trial's number never changes
        assert np.all(np.asarray(points.dx[:, 1]) >= 1.0)  # one sample per step of at most 1
        assert points.u.shape == (len(points), 2)
    assert len(samples(data)) == sum(lengths)


def test_midpoint_is_second_order_and_forward_is_damped():
    """On `x = cos(wt)`, forward differences show a decay rate of w^2 h/2, midpoints none."""
    w, h = 1.3, 1 / 6
    t = np.arange(200) * h
    xs = np.stack([np.cos(w * t), -w * np.sin(w * t)], 1)
    data = Trajectories.from_trials([t], [xs])

    def decay(points):
        fit, *_ = np.linalg.lstsq(np.asarray(points.x), np.asarray(points.dx), rcond=None)
        return -np.trace(fit) / 2

    assert abs(decay(midpoint_derivatives(data))) < 1e-12
    assert decay(forward_differences(data)) == pytest.approx(w * w * h / 2, rel=0.02)


def test_samples_need_derivatives():
    data = Trajectories.from_trials([np.arange(3.0)], [np.zeros((3, 1))])
    with pytest.raises(ValueError, match="carry no derivatives"):
        samples(data)


def test_central_velocities_are_exact_for_parabolas_on_irregular_times():
    rng = np.random.default_rng(1)
    ts = [np.cumsum(rng.uniform(0.1, 1.0, n)) for n in (3, 12)]
    data = Trajectories.from_trials(
        ts, [(2 - 3 * t + 0.7 * t**2)[:, None] for t in ts], names=("q",), phase="coordinates only"
    )
    full = central_velocities(data)
    assert full.names == ("q", "dq")
    assert full.phase == "velocities"
    for trial in full:
        np.testing.assert_allclose(trial.xs[:, 1], -3 + 1.4 * np.asarray(trial.ts), atol=1e-10)


def test_central_velocities_show_the_stated_errors():
    h = 0.01
    t = np.arange(50) * h
    cubic = Trajectories.from_trials([t], [(t**3)[:, None]], phase="coordinates only")
    error = np.asarray(central_velocities(cubic).xs[0, :, 1]) - 3 * t**2
    np.testing.assert_allclose(error[1:-1], h * h, rtol=1e-6)  # h^2/6 q''' with q''' = 6
    np.testing.assert_allclose(error[[0, -1]], -2 * h * h, rtol=1e-6)  # -h^2/3 q'''
    with pytest.raises(ValueError, match="expected coordinates only, got a state with velocities"):
        central_velocities(central_velocities(cubic))
    short = Trajectories.from_trials([t[:2]], [t[:2, None]], phase="coordinates only")
    with pytest.raises(ValueError, match="at least 3 samples, trial 0 has 2"):
        central_velocities(short)
