"""Figures of variational mechanics and optimal control."""

import numpy as np

from dynnets.plotting import plot_energy, plot_forecast, plot_scaling


def routes(errors: dict):
    """Errors of the variational rules against their step."""
    return plot_scaling(errors, x_name="step", y_name="error at t = 10")[0]


def energies(curves: dict):
    """Energy errors over the long run, thinned to what a picture can show."""
    thinned = {}
    for name, (ts, values) in curves.items():
        every = max(1, len(ts) // 4000)
        thinned[name] = (ts[::every], values[::every])
    return plot_energy(thinned, time_name="time (s)", energy_name="energy error (J)")[0]


def controls(paths: dict):
    """Controls of the double integrator over the exact one."""
    ts, exact = paths["exact"]
    names = [name for name in paths if name not in ("exact", "least time")]
    found = {name: (paths[name][0], paths[name][1][:, None]) for name in names}
    return plot_forecast(ts, exact, found, names=("control",), record_name="6 - 12 t")[0]


def least_time(paths: dict):
    """Place, speed and control of the least time: in closed form, and as they were found."""
    ts, found = paths["least time"]
    before = ts <= 1
    place = np.where(before, 1 - ts**2 / 2, (2 - ts) ** 2 / 2)
    speed = np.where(before, -ts, ts - 2)
    push = np.repeat([-1.0, 1.0], len(ts) // 2)  # both sides of the switch are among the times
    exact = np.stack([place, speed, push], axis=1)
    names = ("place", "speed", "control")
    return plot_forecast(ts, exact, {"found": (ts, found)}, names=names, record_name="exact")[0]
