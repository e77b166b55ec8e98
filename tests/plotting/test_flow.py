"""Figures of flows: what is drawn, and what does not fit."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from dynnets.plotting import plot_flow_orbits, plot_residuals, plot_section, plot_windows

TS = np.linspace(0, 10, 101)
XS = np.stack([np.sin(TS), np.cos(TS)], axis=1)
WIDE = np.concatenate([XS, 0.5 * XS], axis=1)


def energy(t, x):
    return jnp.sum(x**2) / 2


def test_orbits_over_their_level_set():
    figure, axes = plot_flow_orbits(energy, {"a": XS, "b": 0.9 * XS}, segment=10, names=("q", "p"))
    assert axes.shape == (1, 2)
    assert [axis.get_title() for axis in axes[0]] == ["a", "b"]
    assert len(axes[0, 0].lines[1].get_xdata()) in (0, 10, 101)
    assert axes[0, 0].get_xlabel() == "q" and len(axes[0, 0].collections) == 1
    figure, axes = plot_flow_orbits(
        energy, {"a": WIDE}, plane=(0, 1), levels={"edge": 0.4, "far away": 1e9}
    )
    assert len(axes[0, 0].collections) == 1
    assert "matplotlib.pyplot" not in sys.modules or figure is not None


def test_windows_are_columns_and_components_rows():
    figure, axes = plot_windows((TS, XS), {"a": (TS, 2 * XS)}, [(0, 1), (8, 10)], names=("q", "p"))
    assert axes.shape == (2, 2)
    assert axes[0, 1].get_xlim() == (8, 10) and axes[1, 0].get_ylabel() == "p"
    assert len(axes[0, 0].lines) == 2


def test_residuals_lie_below_their_solutions():
    panel = (TS, XS, 0.99 * XS, np.abs(XS[:, 0]) + 1e-9)
    figure, axes = plot_residuals({"T = 10": panel, "T = 50": panel}, names=("q", "p"))
    assert axes.shape == (2, 2) and axes[1, 0].get_yscale() == "log"
    assert axes[0, 1].get_title() == "T = 50" and len(axes[0, 0].lines) == 4


def test_sections_side_by_side():
    figure, axes = plot_section(
        {"truth": [XS, 0.5 * XS], "net": [XS]}, names=("y", "p_y"), boundary=1.2 * XS
    )
    assert axes.shape == (1, 2) and len(axes[0, 0].lines) == 3 and len(axes[0, 1].lines) == 2


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="got none"):
        plot_flow_orbits(energy, {})
    with pytest.raises(ValueError, match="plane"):
        plot_flow_orbits(energy, {"a": XS}, plane=(0, 2))
    with pytest.raises(ValueError, match="got none"):
        plot_windows((TS, XS), {}, [(0, 1)])
    with pytest.raises(ValueError, match="got none"):
        plot_residuals({})
    with pytest.raises(ValueError, match=r"points \(m, 2\)"):
        plot_section({"a": [WIDE]})
    with pytest.raises(ValueError, match="got none"):
        plot_section({})
