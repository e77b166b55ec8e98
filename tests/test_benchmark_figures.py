"""What only benchmarks draw: the given numbers are on the figure; what does not fit is refused."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.harness.orbits import plot_flow_orbits
from benchmarks.hgn.diagram import plot_graphical_models
from benchmarks.hgn.planes import plot_planes
from benchmarks.pinn_baseline.residuals import plot_residuals
from benchmarks.srnn.heat_map import plot_heat_map
from benchmarks.srnn.room import plot_room

TS = np.linspace(0, 10, 101)
XS = np.stack([np.sin(TS), np.cos(TS)], axis=1)
WIDE = np.concatenate([XS, 0.5 * XS], axis=1)
PATH = np.random.default_rng(0).uniform(size=(20, 2))


def energy(t, x):
    return jnp.sum(x**2) / 2


def test_planes_have_their_extent_and_gaps():
    rows = {"density": np.ones((2, 8, 8)), "V(q)": [None, np.eye(8)]}
    figure, axes = plot_planes(rows, (-1, 1, -2, 2), titles=("base", "1"))
    assert axes.shape == (2, 2)
    assert list(axes[0, 1].images[0].get_extent()) == [-1, 1, -2, 2]
    assert not axes[1, 0].images
    with pytest.raises(ValueError, match="one length"):
        plot_planes({"a": np.ones((2, 3, 3)), "b": np.ones((1, 3, 3))}, (0, 1, 0, 1))


def test_graphical_models_have_a_circle_a_variable():
    nodes = {"u": (0, 0), "x": (1, 0)}
    figure, axes = plot_graphical_models({"A": (nodes, [("u", "x", "flow")])}, observed=("x",))
    assert len(axes[0, 0].patches) == 2
    with pytest.raises(ValueError, match="ends at no node"):
        plot_graphical_models({"A": (nodes, [("u", "y", "")])})
    with pytest.raises(ValueError, match="at least one model"):
        plot_graphical_models({})


def test_orbits_over_their_level_set():
    """The line of a level is where the energy is; a level that the plane lacks has no line."""
    figure, axes = plot_flow_orbits(energy, {"a": XS, "b": 0.9 * XS}, segment=10, names=("q", "p"))
    assert axes.shape == (1, 2)
    assert [axis.get_title() for axis in axes[0]] == ["a", "b"]
    assert axes[0, 0].get_xlabel() == "q"
    (level,) = axes[0, 0].collections
    radii = np.linalg.norm(level.get_paths()[0].vertices, axis=1)
    np.testing.assert_allclose(radii, 1, atol=1e-3)  # a grid of 160 points, interpolated linearly
    names = ("x", "y", "p_x", "p_y")
    levels = {"edge": 0.4, "far away": 1e9}
    _, axes = plot_flow_orbits(energy, {"a": WIDE}, plane=(0, 1), levels=levels, names=names)
    assert len(axes[0, 0].collections) == 1 and axes[0, 0].get_ylabel() == "y"
    assert "matplotlib.pyplot" not in sys.modules


def test_residuals_lie_below_their_solutions():
    panel = (TS, XS, 0.99 * XS, np.abs(XS[:, 0]) + 1e-9)
    figure, axes = plot_residuals({"T = 10": panel, "T = 50": panel}, names=("q", "p"))
    assert axes.shape == (2, 2) and axes[1, 0].get_yscale() == "log"
    assert axes[0, 1].get_title() == "T = 50" and len(axes[0, 0].lines) == 4


def test_a_heat_map_writes_every_number_and_says_what_diverged():
    figure, axis = plot_heat_map([[1.0, np.inf], [0.1, 20.0]], rows=("a", "b"), columns=("c", "d"))
    assert [text.get_text() for text in axis.texts] == ["1", "diverged", "0.1", "20"]
    with pytest.raises(ValueError, match="2 x 1 labels"):
        plot_heat_map(np.ones((2, 2)), rows=("a", "b"), columns=("c",))


def test_paths_in_a_room_with_their_impacts():
    figure, axis = plot_room({"truth": PATH, "net": PATH[:9]}, {"truth": PATH[:3]}, size=(2, 1))
    marks = [line for line in axis.lines if line.get_marker() == "s"]
    assert len(marks) == 1 and len(marks[0].get_xdata()) == 3
    assert axis.get_xlim()[1] > 2 and len(figure.legends) == 1
    with pytest.raises(ValueError, match="no such path"):
        plot_room({"truth": PATH}, {"net": PATH})
    with pytest.raises(ValueError, match="at least one path"):
        plot_room({})
