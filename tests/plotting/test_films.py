"""Films: what is drawn, and what is refused."""

import sys

import numpy as np
import pytest

from dynnets.plotting import plot_films


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
