"""Tables as shades, paths in a room."""

import numpy as np
import pytest

from dynnets.plotting import plot_heat_map, plot_room

PATH = np.random.default_rng(0).uniform(size=(20, 2))


def test_a_heat_map_writes_every_number_and_says_what_diverged():
    figure, axis = plot_heat_map([[1.0, np.inf], [0.1, 20.0]], rows=("a", "b"), columns=("c", "d"))
    assert [text.get_text() for text in axis.texts] == ["1", "diverged", "0.1", "20"]
    assert axis.figure is figure
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
