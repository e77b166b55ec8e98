"""Figures are made without pyplot, show what they are given, and refuse what does not fit."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest

from dynnets.plotting import (
    plot_energy,
    plot_error_growth,
    plot_field,
    plot_forecast,
    plot_law,
    plot_orbits,
    plot_phase_portrait,
    plot_scaling,
)

TS = np.linspace(0, 10, 101)
XS = np.stack([np.sin(TS), np.cos(TS)], axis=1)


def energy(t, x):
    return jnp.sum(x**2) / 2


def orbits():
    angles = TS[:, None] / np.array([1.0, 3.0])
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


MADE = {
    "forecast": lambda: plot_forecast(
        TS, XS, {"a": (TS[60:], XS[60:])}, names=("q", "p"), validation=4.0, held_out=6.0
    ),
    "forecast alone": lambda: plot_forecast(TS[:1], XS[:1], {"a": (TS, XS)}),
    "phase portrait": lambda: plot_phase_portrait(energy, XS, {"a": XS}),
    "no level sets": lambda: plot_phase_portrait(None, XS, {"a": XS}),
    "energy": lambda: plot_energy({"a": (TS, TS)}, measured={"a": (TS, TS)}, held_out=5.0),
    "error growth": lambda: plot_error_growth(
        {"a": (TS, TS[:, None] * np.array([1.0, np.nan]))}, threshold=1.0
    ),
    "scaling": lambda: plot_scaling({"a": (TS[1:], TS[1:])}, x_name="n", y_name="seconds"),
    "field": lambda: plot_field(lambda t, x, args: jnp.stack([x[1], -x[0]]), XS, {"a": XS}),
    "law": lambda: plot_law({"a": (TS[1:], -TS[1:])}, reference=-1.0, distances=[1.0, 2.0]),
    "orbits": lambda: plot_orbits(orbits(), {"a": orbits()}, bodies=("one", "two"), unit="[au]"),
}


@pytest.mark.parametrize("name", MADE)
def test_every_figure_is_drawn_without_pyplot(name, tmp_path):
    figure, axes = MADE[name]()
    figure.savefig(tmp_path / "figure.png", dpi=40)
    assert (tmp_path / "figure.png").stat().st_size > 2000
    first = np.asarray(axes, dtype=object).reshape(-1)[0]
    assert first.figure is figure
    labels = first.get_legend_handles_labels()[1]
    assert any(label.startswith("a") for label in labels)
    assert "matplotlib.pyplot" not in sys.modules


def test_the_curves_are_the_numbers_given():
    _, axis = plot_energy({"a": (TS, 2 * TS)})
    line = axis.get_lines()[0]
    np.testing.assert_array_equal(line.get_xdata(), TS)
    np.testing.assert_array_equal(line.get_ydata(), 2 * TS)


def test_a_dozen_curves_are_told_apart():
    curves = {f"curve {i}": (TS[1:], TS[1:] + i) for i in range(12)}
    for axis in (plot_error_growth(curves)[1], plot_scaling(curves, x_name="n", y_name="s")[1]):
        looks = {(line.get_color(), line.get_linestyle()) for line in axis.get_lines()}
        assert len(looks) == 12


def test_a_narrow_logarithmic_scale_has_two_powers_of_ten():
    """Else the labels of its minor ticks, which overlap, would be all there is."""
    curves = {"a": (np.array([0.3, 0.7]), np.array([20.0, 3000.0]))}
    _, axis = plot_scaling(curves, x_name="n", y_name="s")
    assert axis.get_xlim() == pytest.approx((0.1, 1.0))
    low, high = axis.get_ylim()
    assert 10 < low < 20 and 3000 < high < 10000


def test_a_simulated_record_is_not_called_measured():
    _, axis = plot_orbits(orbits(), {"a": orbits()}, record_name="truth")
    assert axis.get_legend_handles_labels()[1][0] == "truth"


def test_several_figures_may_share_one():
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot_energy({"a": (TS, TS)}, axes=left)[0] is figure
    assert plot_law({"a": (TS[1:], TS[1:])}, axes=right)[1] is right


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot_energy({}), "at least one curve"),
        (lambda: plot_energy({"a": (TS, TS[:5])}), "'a' needs times"),
        (lambda: plot_forecast(TS, XS, {"a": (TS, XS[:, :1])}), "'a' has 1 components"),
        (lambda: plot_phase_portrait(None, XS, {}, plane=(0, 2)), "plane must be"),
        (lambda: plot_phase_portrait(None, XS[:, 0], {}), "states"),
        (lambda: plot_orbits(XS, {}), "positions must be"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
