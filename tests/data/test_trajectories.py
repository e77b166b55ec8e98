"""Padded sets of trials: what goes in comes out, padding is harmless, bad input is named."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from dynnets.data import Samples, Trajectories


def _trials(lengths, dim=2, inputs=0, seed=0):
    rng = np.random.default_rng(seed)
    ts = [np.cumsum(rng.uniform(0.1, 1.0, n)) for n in lengths]
    xs = [rng.normal(size=(n, dim)) for n in lengths]
    us = [rng.normal(size=(n, inputs)) for n in lengths] if inputs else None
    return ts, xs, us


@settings(max_examples=10, deadline=None)
@given(
    lengths=st.lists(st.integers(2, 9), min_size=1, max_size=4),
    dim=st.integers(1, 3),
    inputs=st.integers(0, 2),
    single=st.booleans(),
)
def test_round_trip_and_padding(lengths, dim, inputs, single):
    ts, xs, us = _trials(lengths, dim, inputs)
    kind = np.float32 if single else np.float64
    xs = [x.astype(kind) for x in xs]
    data = Trajectories.from_trials(ts, xs, us)
    assert len(data) == len(lengths)
    assert data.dim == dim
    assert data.input_dim == inputs
    assert data.xs.dtype == data.ts.dtype == kind
    assert np.asarray(data.mask).sum(axis=1).tolist() == lengths
    assert np.all(np.diff(np.asarray(data.ts), axis=1) > 0)
    assert np.all(np.isfinite(np.asarray(data.xs)))
    for trial, t, x in zip(data, ts, xs, strict=True):
        np.testing.assert_array_equal(trial.ts, t.astype(kind))
        np.testing.assert_array_equal(trial.xs, x)


@settings(max_examples=10, deadline=None)
@given(
    start=st.floats(-1e6, 1e6),
    step=st.floats(1e-2, 1e3),
    longest=st.integers(3, 200),
)
def test_padding_times_increase_in_float32(start, step, longest):
    short = np.array([start, start + step], dtype=np.float32)
    if short[1] <= short[0]:
        return
    long = np.arange(longest, dtype=np.float32)
    shape = (longest, 1)
    data = Trajectories.from_trials(
        [short, long], [np.zeros((2, 1), np.float32), np.zeros(shape, np.float32)]
    )
    assert np.all(np.diff(np.asarray(data.ts), axis=1) > 0)


@settings(max_examples=10, deadline=None)
@given(
    values=hnp.arrays(np.float64, (4, 2), elements=st.floats(allow_nan=True, allow_infinity=True))
)
def test_values_are_finite_or_refused(values):
    ts = np.arange(4.0)
    if np.all(np.isfinite(values)):
        np.testing.assert_array_equal(Trajectories.from_trials([ts], [values]).xs[0], values)
    else:
        with pytest.raises(ValueError, match="xs of trial 0 must be finite"):
            Trajectories.from_trials([ts], [values])


def test_integers_become_the_default_float():
    data = Trajectories.from_trials([[0, 1, 2]], [[[1], [2], [3]]])
    assert data.xs.dtype == jnp.zeros(0).dtype
    assert data.ts[0].tolist() == [0.0, 1.0, 2.0]


def test_select_and_negative_index():
    ts, xs, us = _trials([3, 5, 4], inputs=1)
    data = Trajectories.from_trials(ts, xs, us, names=("q", "p"), phase="momenta")
    part = data.select([2, 0])
    assert part.lengths.tolist() == [4, 3]
    assert part.names == ("q", "p")
    assert part.phase == "momenta"
    np.testing.assert_array_equal(part.trial(0).xs, data.trial(-1).xs)
    np.testing.assert_array_equal(part.trial(0).us, data.trial(2).us)


@pytest.mark.parametrize(
    "ts, xs, message",
    [
        ([], [], "at least one trial"),
        ([[0.0]], [[[1.0]]], "at least two times"),
        ([[0.0, 1.0]], [[[1.0]]], r"xs of trial 0 must have shape \(2, 1\)"),
        ([[0.0, 1.0]], [[1.0, 2.0]], "xs of trial 0 must have shape"),
        ([[0.0, 1.0], [0.0, 1.0]], [[[1.0], [2.0]]], "xs has 1 trials, ts has 2"),
        (
            [[0.0, 1.0], [0.0, 1.0]],
            [[[1.0], [2.0]], [[1.0, 2.0], [2.0, 3.0]]],
            "xs of trial 1 must have shape",
        ),
        ([[0.0, 1.0, 0.5]], [[[1.0]] * 3], "must strictly increase, got 1.0 then 0.5 at index 2"),
        ([[0.0, np.nan]], [[[1.0]] * 2], "ts of trial 0 must be finite"),
        ([[0.0, 1.0]], [[["a"], ["b"]]], "xs must hold numbers"),
    ],
)
def test_bad_trials(ts, xs, message):
    with pytest.raises(ValueError, match=message):
        Trajectories.from_trials(ts, xs)


def test_times_that_collapse_in_float32_are_refused():
    ts = np.array([1.7e9, 1.7e9 + 1.0])
    with pytest.raises(ValueError, match="equal in float32; subtract the first time"):
        Trajectories.from_trials([ts], [np.zeros((2, 1), np.float32)])


def test_bad_names_and_phase():
    ts, xs, _ = _trials([3], dim=3)
    with pytest.raises(ValueError, match="3 state components need as many names"):
        Trajectories.from_trials(ts, xs, names=("a", "b"))
    with pytest.raises(ValueError, match="is even, got 3"):
        Trajectories.from_trials(ts, xs, phase="momenta")
    with pytest.raises(ValueError, match="did you mean 'momenta'"):
        Trajectories.from_trials(ts, xs, phase="momentum")
    with pytest.raises(ValueError, match="got index 7"):
        Trajectories.from_trials(ts, xs).trial(7)


def test_samples_know_their_shapes():
    good = Samples(jnp.zeros(3), jnp.zeros((3, 2)), jnp.zeros((3, 2)))
    assert len(good) == 3
    with pytest.raises(Exception, match=r"shape|dim"):
        Samples(jnp.zeros(3), jnp.zeros((4, 2)), jnp.zeros((4, 2)))


def test_pairs_of_states_are_trials_of_two_samples():
    first, second = np.arange(6.0).reshape(3, 2), np.arange(6.0, 12.0).reshape(3, 2)
    pairs = Trajectories.from_pairs(first, second, 0.1, names=("q", "p"), phase="momenta")
    np.testing.assert_array_equal(pairs.ts, [[0.0, 0.1]] * 3)
    np.testing.assert_array_equal(pairs.xs, np.stack([first, second], axis=1))
    assert pairs.phase == "momenta"
    each = Trajectories.from_pairs(first, second, [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(each.ts[:, 1], [0.1, 0.2, 0.3])
    shared = Trajectories.from_pairs(first, second, ts=[1.0, 1.5], us=np.ones((3, 1)))
    np.testing.assert_array_equal(shared.ts, [[1.0, 1.5]] * 3)
    np.testing.assert_array_equal(shared.us, np.ones((3, 2, 1)))
    batched = Trajectories.from_pairs(np.ones((4, 5, 2)), np.zeros((4, 5, 2)), 0.1)
    assert batched.xs.shape == (20, 2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "either the time h"),
        ({"h": 0.1, "ts": [0.0, 1.0]}, "either the time h"),
        ({"h": -0.1}, "strictly increase"),
        ({"ts": [0.0, 0.1, 0.2]}, r"ts must be \(2,\)"),
        ({"ts": (0.1, 20)}, r"a tuple means the grid"),
    ],
)
def test_pairs_without_one_time_between_them_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Trajectories.from_pairs(np.ones((3, 2)), np.ones((3, 2)), **options)
    with pytest.raises(ValueError, match="one shape"):
        Trajectories.from_pairs(np.ones((3, 2)), np.ones((2, 2)), 0.1)


def test_one_vector_of_times_serves_all_trials():
    ts, xs = np.linspace(0, 1, 4), np.arange(24.0).reshape(3, 4, 2)
    shared = Trajectories.from_trials(ts, xs)
    apart = Trajectories.from_trials([ts] * 3, list(xs))
    np.testing.assert_array_equal(shared.ts, apart.ts)
    np.testing.assert_array_equal(shared.xs, apart.xs)
