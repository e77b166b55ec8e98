"""Figures of flows: what is drawn, and what does not fit."""

import numpy as np
import pytest

from dynnets.plotting import plot_section, plot_windows

TS = np.linspace(0, 10, 101)
XS = np.stack([np.sin(TS), np.cos(TS)], axis=1)
WIDE = np.concatenate([XS, 0.5 * XS], axis=1)


def test_windows_are_columns_and_components_rows():
    figure, axes = plot_windows((TS, XS), {"a": (TS, 2 * XS)}, [(0, 1), (8, 10)], names=("q", "p"))
    assert axes.shape == (2, 2)
    assert axes[0, 1].get_xlim() == (8, 10) and axes[1, 0].get_ylabel() == "p"
    assert len(axes[0, 0].lines) == 2


def test_sections_side_by_side():
    figure, axes = plot_section(
        {"truth": [XS, 0.5 * XS], "net": [XS]}, names=("y", "p_y"), boundary=1.2 * XS
    )
    assert axes.shape == (1, 2) and len(axes[0, 0].lines) == 3 and len(axes[0, 1].lines) == 2


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="got none"):
        plot_windows((TS, XS), {}, [(0, 1)])
    with pytest.raises(ValueError, match=r"points \(m, 2\)"):
        plot_section({"a": [WIDE]})
    with pytest.raises(ValueError, match="got none"):
        plot_section({})
