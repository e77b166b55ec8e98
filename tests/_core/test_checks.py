"""Checks name the offending value."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from dynnets._core import (
    check_choice,
    check_finite,
    check_increasing,
    check_phase_dim,
    check_positive,
    check_size,
)
from dynnets.fields import canonical_matrix, join_phase, split_phase, symplectic_gradient
from dynnets.structure import TAGS, Tag


@pytest.mark.parametrize("value", [0, -1.5, float("nan"), float("inf")])
def test_positive(value):
    with pytest.raises(ValueError, match=str(value)):
        check_positive("width", value)


@pytest.mark.parametrize("value", [0, -3, 2.0, True])
def test_size(value):
    with pytest.raises(ValueError, match=repr(value)):
        check_size("width", value)


def test_choice_suggests_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean 'tanh'"):
        check_choice("activation", "tahn", ("tanh", "sin"))


@pytest.mark.parametrize("dim", [0, 1, 3, -2])
def test_phase_dimension(dim):
    with pytest.raises(ValueError, match=str(dim)):
        check_phase_dim("dim", dim)


def test_finite_says_where():
    with pytest.raises(ValueError, match=r"nan at index \(1, 0\)"):
        check_finite("x", np.array([[1.0, 2.0], [np.nan, 3.0]]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8))
@settings(max_examples=30, deadline=None)
def test_increasing(values):
    if all(a < b for a, b in zip(values, values[1:], strict=False)):
        check_increasing("ts", np.array(values))
    else:
        with pytest.raises(ValueError, match="strictly increase"):
            check_increasing("ts", np.array(values))


def test_phase_space_round_trip_and_orientation():
    q, p = jnp.array([1.0, 2.0]), jnp.array([3.0, 4.0])
    x = join_phase(q, p)
    assert (split_phase(x)[0] == q).all()
    assert (split_phase(x)[1] == p).all()
    assert (symplectic_gradient(x) == canonical_matrix(2) @ x).all()
    with pytest.raises(ValueError, match="3"):
        split_phase(jnp.ones(3))
    with pytest.raises(ValueError, match="0"):
        canonical_matrix(0)


def test_tags_are_equal_by_name():
    assert len({tag.name for tag in TAGS}) == len(TAGS)
    assert Tag("ENERGY", "another wording") in frozenset(TAGS)
    assert Tag("OTHER", "") not in frozenset(TAGS)


def test_a_scalar_that_is_not_finite_is_found():
    with pytest.raises(ValueError, match="inf"):
        check_finite("h", np.array(np.inf))
