"""Measured pendulums: damped, noisy, unevenly sampled; what a conservative model makes of them.

The single pendulum (94 s, steps of 1/6 to 1/2 s, damped: its energy falls by 65 %) is learned from
rows 0 to 443 and forecast from the measured row 444 over the 18 s to row 553. Three trainings:

- forward differences, the published protocol, which add a spurious decay rate of 0.11/s;
- differences at the midpoints of the steps, which do not;
- then 4 s windows of 24 samples, rolled out and compared with the record.

Four models: a port-Hamiltonian one with `H = v^2/2m + V(o)` (the mass and `V`, a net of the angle,
are learned; constant damping), a general one (a net `H(o, v)`), the conservative HNN, and the
Neural ODE (which is the "MLP field" of the first two trainings). The test part has less energy
than any of the training part, so a general `H` is extrapolated there, but `V` is not. The mass is
not one: the recorded velocities are smoothed, so they are not quite the rates of the angles. (A
model that insists on `o' = v` forecasts with an error of 0.04.)

The state RMSE is taken over both components and all times. The noise of the record is about 0.02,
and the forecast starts from a noisy row: a last table starts instead from a state fitted to the
last 24 training samples, the same way for every model.

The double pendulum is in `double.py`.
"""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Result, Row, Settings, at_most, median
from benchmarks.measured_pendulum import double
from dynnets.data import (
    forward_differences,
    load_schmidt_lipson,
    midpoint_derivatives,
    split_counts,
    windows,
)
from dynnets.energies import KineticEnergy, MLPEnergy, PeriodicEnergy, SeparableEnergy
from dynnets.integrators import RungeKutta, rollout
from dynnets.losses import TrajectoryMatching, derivative_matching
from dynnets.models import HNN, NeuralODE, PortHamiltonianNetwork
from dynnets.training import FreeInitialStates, fit, fit_least_squares, stack_models, unstack

NAME = "measured-pendulum"
X64 = True  # the data are cut and scored in float64, the models are float32
SEEDS = 3

OURS, GENERAL = "port-Hamiltonian", "general port-Hamiltonian"
CONSERVATIVE, PLAIN = "HNN", "Neural ODE"
OTHERS = (GENERAL, CONSERVATIVE, PLAIN)
TRAIN, TEST, WINDOW = 444, 110, 24
FORECAST = RungeKutta(diffrax.Tsit5())
TRAINING = RungeKutta(diffrax.Bosh3())  # 0.19 rad between samples: 5e-5 of error a step
WIDTH = 64


def in_precision(tree, dtype):
    """Floating-point arrays cast to `dtype`; everything else as it is."""
    return jax.tree.map(lambda a: a.astype(dtype) if eqx.is_inexact_array(a) else a, tree)


def make(kind: str, key):
    """A model in float32, forecasting by four steps of order 5 between two samples."""
    options = {"step": FORECAST, "substeps": 4, "key": key}
    if kind == OURS:
        kinetic = KineticEnergy(jnp.ones(1))
        potential = PeriodicEnergy(MLPEnergy(2, WIDTH, 2, key=key), (0,))
        learned = SeparableEnergy(kinetic, potential)
        model = PortHamiltonianNetwork(2, learned=learned, **options)
    else:
        classes = {GENERAL: PortHamiltonianNetwork, CONSERVATIVE: HNN, PLAIN: NeuralODE}
        model = classes[kind](2, WIDTH, 2, **options)
    return in_precision(model, jnp.float32)


def assumed_energy(x):
    """`2.4 (1 - cos o) + v^2`: the energy of the published score, in its units."""
    return 2.4 * (1 - np.cos(x[..., 0])) + x[..., 1] ** 2


def forecasts(models, count: int, ts, starts) -> np.ndarray:
    """Each member's forecast at `ts` from its start, `(members, n, 2)`, in float64."""
    wide = [in_precision(unstack(models, i), jnp.float64) for i in range(count)]
    return np.stack([m.predict(x0, ts) for m, x0 in zip(wide, starts, strict=True)])


class Scores:
    """Errors on the held-out rows, per seed."""

    def __init__(self, states, truth):
        self.states = states
        self.rmse = np.sqrt(np.mean((states - truth) ** 2, axis=(1, 2)))
        energy = assumed_energy(states) - assumed_energy(truth)
        self.energy_error = np.mean(energy**2, axis=1)


def train(settings: Settings, kind: str, record) -> dict:
    """All three trainings of one kind of model, one member per seed in one program."""
    train_part = split_counts(record, TRAIN)[0]
    small = in_precision(train_part, jnp.float32)
    count = len(settings.seeds)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    ts, truth = record.ts[0, TRAIN : TRAIN + TEST], record.xs[0, TRAIN : TRAIN + TEST]
    start, found = [truth[0]] * count, {}
    models = stack_models(lambda key: make(kind, key), keys)
    known = {
        "forward differences": forward_differences(small),
        "midpoints": midpoint_derivatives(small),
    }
    for name, data in known.items():
        steps = settings.scaled(2000, fast=2)
        optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, steps))
        run = fit(
            models, derivative_matching, data, optimiser,
            steps=steps, key=jr.key(1), ensemble=count, chunk=500,
        )  # fmt: skip
        found[name] = Scores(forecasts(run.model, count, ts, start), truth)
    steps = settings.scaled(400, fast=2)
    run = fit(
        run.model,
        TrajectoryMatching(TRAINING),
        windows(small, WINDOW, settings.scaled(1, fast=100)),
        optax.adam(optax.cosine_decay_schedule(1e-3, steps)),
        steps=steps, key=jr.key(2), ensemble=count, batch_size=settings.scaled(64, fast=2),
        chunk=100,
    )  # fmt: skip
    models = run.model
    found["windows"] = Scores(forecasts(models, count, ts, start), truth)
    first = fitted_starts(models, count, train_part)
    from_fit = forecasts(models, count, record.ts[0, TRAIN - WINDOW : TRAIN + TEST], first)
    found["fitted start"] = Scores(from_fit[:, WINDOW:], truth)
    found["models"] = models
    return found


def start_residual(free: FreeInitialStates, trial):
    """Errors of the rollout from the free initial state over one trial."""
    return rollout(TRAINING, free.field, free.initial_states[0], trial.ts[0]).xs - trial.xs[0]


def fitted_starts(models, count: int, train_part):
    """Each member's state at the first of the last 24 training samples, fitted to them."""
    last = windows(train_part, WINDOW)
    last = last.select([len(last) - 1])
    starts = []
    for i in range(count):
        free = FreeInitialStates(in_precision(unstack(models, i), jnp.float64), last.xs[:, 0])
        only_start = jax.tree.map(lambda _: False, free)
        only_start = eqx.tree_at(lambda m: m.initial_states, only_start, replace=True)
        found = fit_least_squares(free, start_residual, last, filter_spec=only_start)
        starts.append(found.model.initial_states[0])
    return starts


def learned_energy(model, states) -> np.ndarray:
    """The learned energy above its value at rest, along states `(n, 2)`."""
    model = in_precision(model, jnp.float64)
    states = jnp.asarray(states)
    return np.asarray(model.energy(0.0, states.T) - model.energy(0.0, jnp.zeros(2)))


def energy_rows(found: dict, count: int) -> list[Row]:
    """How the learned energies go along the held-out forecasts."""
    lost: dict[str, list] = {OURS: [], GENERAL: [], CONSERVATIVE: []}
    rises = []
    for kind in lost:
        for i in range(count):
            model = unstack(found[kind]["models"], i)
            energy = learned_energy(model, found[kind]["windows"].states[i])
            lost[kind].append(100 * (energy[0] - energy[-1]) / energy[0])
            if kind == OURS:
                rises.append(np.diff(energy).max() / abs(energy[0]))
    return [
        Row("learned energy lost over the forecast", lost[OURS],
            {kind: lost[kind] for kind in (GENERAL, CONSERVATIVE)},
            unit="%"),
        at_most("largest rise of the learned energy between two samples / its start", rises, 0.0),
    ]  # fmt: skip


def single_rows(settings: Settings, found: dict) -> list[Row]:
    """The three trainings, the bars, and the fitted start."""
    rows = []
    for name in ("forward differences", "midpoints"):
        pick = {kind: found[kind][name] for kind in found}
        rows += [
            Row(f"energy error, {name}", pick[OURS].energy_error,
                {kind: pick[kind].energy_error for kind in OTHERS}),
            Row(f"state RMSE, {name}", pick[OURS].rmse,
                {kind: pick[kind].rmse for kind in OTHERS}),
        ]  # fmt: skip
    rmse = {kind: found[kind]["windows"].rmse for kind in found}
    others = {kind: rmse[kind] for kind in OTHERS}
    for other, limit in ((CONSERVATIVE, 0.5), (PLAIN, 1.0)):
        ratio = median(rmse[OURS]) / median(rmse[other])
        rows.append(at_most(f"state RMSE, windows: ours / {other} (medians)", ratio, limit))
    rows.insert(-2, at_most("state RMSE, windows", rmse[OURS], 0.03, others))
    fitted = {kind: found[kind]["fitted start"].rmse for kind in found}
    rows.append(
        Row("state RMSE, windows, fitted start", fitted[OURS],
            {kind: fitted[kind] for kind in OTHERS})
    )  # fmt: skip
    return rows + energy_rows(found, len(settings.seeds))


def draw(settings: Settings, record, found: dict) -> None:
    """Forecasts of the first seed against the record, and the learned energies along them."""
    if settings.figures is None:
        return
    from dynnets.plotting import plot_energy, plot_forecast

    part = slice(TRAIN, TRAIN + TEST)
    ts, truth = np.asarray(record.ts[0, part]), np.asarray(record.xs[0, part])
    curves = {kind: (ts, found[kind]["windows"].states[0]) for kind in found}
    settings.save_figure(plot_forecast(ts, truth, curves, names=("angle", "velocity"))[0], "single")
    energies = {}
    for kind in (OURS, CONSERVATIVE):
        model = unstack(found[kind]["models"], 0)
        energies[kind] = (ts, learned_energy(model, found[kind]["windows"].states[0]))
    settings.save_figure(plot_energy(energies, energy_name="learned energy")[0], "energy")


def run(settings: Settings) -> Result:
    """The single and the double pendulum."""
    path = settings.data_file("schmidt_lipson.npz")
    record = load_schmidt_lipson("real_pend_h_1", path)
    found = {}
    for kind in (OURS, *OTHERS):
        with settings.clock(f"single, {kind}"):
            found[kind] = train(settings, kind, record)
    draw(settings, record, found)
    notes = (
        "single pendulum: nets of width 64, depth 2; the same steps and optimiser for every model",
        "bars are scored from the measured row 444; its own noise is part of the error",
        *double.NOTES,
    )
    return Result(single_rows(settings, found) + double.rows(settings, path), notes)
