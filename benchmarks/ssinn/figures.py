"""Figures of the sparse-energy benchmark: pipeline, coefficients, orbits, noise."""

import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Settings
from benchmarks.harness.orbits import plot_flow_orbits
from benchmarks.ssinn import tasks
from benchmarks.ssinn.peers import coefficients_of
from dynnets.plotting import plot_error_growth, plot_scaling

PIPELINE = (
    ("initial state", "Trajectories, windows"),
    ("basis terms", "monomials, tensor_monomials,\nRidgeLibrary, CustomLibrary"),
    ("learnable coefficients", "LibraryEnergy"),
    ("gradients", "LibraryEnergy.gradient"),
    ("symplectic step", "forest_ruth, Tao"),
    ("predicted state", "SSINN.predict, rollout"),
    ("coefficients and support", "fit_sparse"),
)


def draw(settings: Settings, models: dict, orbits: tuple, noises, swept: dict) -> None:
    """All figures, the first seed where there is one orbit or model to show."""
    settings.save_figure(_pipeline(), "pipeline")
    settings.save_figure(_bars({kind: members[0] for kind, members in models.items()}), "terms")
    ts, truth, paths = orbits
    energy = tasks.henon_heiles().field.energy
    shown = {"truth": truth} | {kind: members[0] for kind, members in paths.items()}
    figure, _ = plot_flow_orbits(energy, shown, plane=(0, 1), names=("q0", "q1", "p0", "p1"))
    settings.save_figure(figure, "orbit")
    lost = {}
    for kind, members in paths.items():
        values = [np.asarray(energy(0.0, jnp.asarray(path).T)) for path in members]
        lost[kind] = ts[1:], np.abs(np.stack(values, axis=1) - 1 / 8)[1:]
    figure, _ = plot_error_growth(lost, time_name="time", error_name="|H - 1/8|")
    settings.save_figure(figure, "energy")
    settings.save_figure(_noise(noises, swept), "noise")


def _pipeline():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16.0, 1.9), layout="constrained")
    axis = figure.subplots()
    for i, (title, names) in enumerate(PIPELINE):
        axis.text(i, 0.62, title, ha="center", va="center", fontsize=9, weight="bold")
        axis.text(i, 0.32, names, ha="center", va="center", fontsize=6.5, family="monospace")
        frame = {"facecolor": "#eef3f8", "edgecolor": "#8aa4bd"}
        axis.add_patch(_box(i - 0.46, 0.12, 0.92, 0.68, **frame))
        if i:
            axis.annotate("", (i - 0.46, 0.46), (i - 0.54, 0.46), arrowprops={"arrowstyle": "->"})
    axis.set(xlim=(-0.6, len(PIPELINE) - 0.4), ylim=(0, 0.9))
    axis.axis("off")
    return figure


def _box(x, y, width, height, **options):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, zorder=-1, **options)


def _bars(models: dict):
    """All 30 coefficients, true against found."""
    from matplotlib.figure import Figure

    task = tasks.henon_heiles()
    terms = [
        name
        for part, letter in ((task.kinetic, "p"), (task.potential, "q"))
        for name in part.library.term_names((f"{letter}0", f"{letter}1"))
    ]
    figure = Figure(figsize=(12.0, 4.6), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(terms))
    axis.bar(places, task.truth, width=0.9, color="#dddddd", label="truth")
    width = 0.8 / len(models)
    for i, (kind, model) in enumerate(models.items()):
        at = places + (i - (len(models) - 1) / 2) * width
        axis.bar(at, coefficients_of(model), width=width, label=kind)
    axis.axhline(0, color="#222222", linewidth=0.6)
    axis.set_xticks(places, terms, rotation=90, fontsize=8)
    axis.set_ylabel("coefficient")
    axis.legend(frameon=False, ncols=5)
    return figure


def _noise(noises, swept: dict):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    curves = {kind: (np.asarray(noises[: len(e)]), e) for kind, (_, e) in swept.items()}
    plot_scaling(curves, x_name="noise of the states", y_name="largest error", axes=left)
    for kind, (hits, errors) in swept.items():
        right.plot(noises[: len(hits)], hits, "o-", label=kind)
        total = errors.shape[1]
    right.set(xscale="log", xlabel="noise of the states", ylim=(-0.2, total + 0.2))
    right.set_ylabel(f"exact supports of {total}")
    return figure
