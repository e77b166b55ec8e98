"""Films, planes and graphical models: what is drawn, and what is refused."""

import sys

import numpy as np
import pytest

from dynnets.plotting import plot_films, plot_graphical_models, plot_planes


def test_films_show_their_pictures_and_captions():
    films = {"truth": np.ones((4, 1, 6, 5)), "two colours": 2 * np.ones((4, 2, 6, 5))}
    figure, axes = plot_films(films, captions={"truth": "error 0"}, titles=list("abcd"))
    assert axes.shape == (2, 4)
    assert axes[0, 2].get_xlabel() == "error 0"
    assert axes[1, 0].images[0].get_array().shape == (6, 5, 3)
    assert float(axes[1, 0].images[0].get_array().max()) == 1.0
    assert "matplotlib.pyplot" not in sys.modules
    with pytest.raises(ValueError, match="with one n"):
        plot_films({"a": np.ones((4, 1, 6, 5)), "b": np.ones((3, 1, 6, 5))})


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
