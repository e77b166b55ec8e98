"""The figures of the HNN paper from a trained pair: fields, error and energies against time."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Settings
from benchmarks.hnn import tasks
from dynnets.integrators import RungeKutta, rollout
from dynnets.plotting import plot_energy, plot_error_growth, plot_field

POINTS = 400
REFERENCE = RungeKutta(diffrax.Dopri8())


@eqx.filter_jit
def _roll(step, field, x0, h, substeps):
    orbit = rollout(step, field, x0, (h, POINTS), substeps=substeps)
    return orbit.ts, orbit.xs


def draw(settings: Settings, name: str, pair, x0) -> None:
    """Write the figures of one task: `pair` is the trained `(HNN, MLP field)`, `x0 (d,)`."""
    task = tasks.TASKS[name]
    fields = {"truth": task.system.field}
    for kind, model in zip(("MLP field", "HNN"), reversed(pair), strict=True):
        fields[kind] = tasks.in_precision(model, jnp.float64).field
    step, substeps = task.horizon / POINTS, max(1, round(task.horizon / POINTS / task.h))
    ts, truth = _roll(REFERENCE, fields["truth"], x0, step, substeps)
    paths = {
        kind: np.asarray(_roll(tasks.STEP, f, x0, step, substeps)[1]) for kind, f in fields.items()
    }
    settings.save_figure(_errors(ts, truth, paths), f"{name}-error")
    settings.save_figure(_energies(task, ts, paths, fields["HNN"].energy), f"{name}-energy")
    if task.system.dim == 2:
        settings.save_figure(_fields(fields, truth, paths), f"{name}-fields")


def _errors(ts, truth, paths):
    """Mean square between coordinates against time."""
    half = truth.shape[1] // 2
    curves = {
        kind: (ts[1:], np.mean((xs - truth)[1:, :half] ** 2, axis=1))
        for kind, xs in paths.items()
        if kind != "truth"
    }
    return plot_error_growth(curves, error_name="mean square error of the coordinates")[0]


def _energies(task, ts, paths, learned):
    """The true energy along every roll-out, and the learned one along the HNN's."""
    along = lambda energy, xs: jax.vmap(lambda x: energy(0.0, x))(jnp.asarray(xs))  # noqa: E731
    curves = {kind: (ts, along(task.system.energy, xs)) for kind, xs in paths.items()}
    kept = along(learned, paths["HNN"])
    curves["learned H along the HNN, shifted"] = (ts, kept - kept[0] + curves["truth"][1][0])
    return plot_energy(curves)[0]


def _fields(fields, truth, paths):
    """Arrows and one roll-out in the phase plane, for the truth and both models."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 4.2), layout="constrained")
    for axis, (kind, field) in zip(figure.subplots(1, 3), fields.items(), strict=True):
        plot_field(field, truth, {kind: paths[kind]}, names=("q", "p"), axes=axis)
        axis.set_title(kind)
    figure.legends.clear()  # three of them, one over the other; the titles say it
    return figure
