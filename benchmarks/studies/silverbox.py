"""Silverbox: a forced, damped Duffing circuit, simulated beyond the amplitudes it was trained on.

Every model is trained on the first 75 % of the multisine part (its last fifth left out) and then
simulated freely on the test parts; the first 50 samples of each serve to find the initial state
and are not scored, as the benchmark prescribes. All get the same record, steps and optimisers:

- linear: `m y'' + d y' + k y = g u + c`, the best that a linear model can do;
- Neural ODE: a net of `(y, v, u)`, without structure;
- port-Hamiltonian: `H = p^2/2m + V(y)`, `V` a quartic polynomial plus a net, constant damping
  `D >= 0` and input gain.

First the derivatives of the record are matched, then free simulation errors over windows of 400
samples are minimised (Levenberg-Marquardt), their first 100 samples not counted: the damping has
forgotten the start by then.

The generator is band-limited, so its signal between two samples is no straight line: the input is
refined four times first. In a trial with the polynomial alone and one step of RK4 a sample, the
error on the arrow part was 0.38 mV with band-limited midpoints, 0.98 mV with straight lines, and
13 mV with a zero-order hold.

The bar is twice 0.26 mV, the figure that the literature gives for the polynomial state-space model
(PNLSS) of Paduart et al., "Identification of the Silverbox benchmark using nonlinear state-space
models", SYSID 2012; the number is cited from memory. That is a discrete-time model; we know of no
continuous-time neural model with a lower figure, so the bar is at least as hard as one.
"""

from typing import NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import optimistix as optx
import scipy.signal
from jaxtyping import Array

from benchmarks.harness import Result, Row, Settings, at_most
from dynnets.data import Samples, load_silverbox
from dynnets.energies import (
    KineticEnergy,
    MLPEnergy,
    PolynomialPotential,
    SeparableEnergy,
    SumEnergy,
)
from dynnets.fields import UniformInput
from dynnets.integrators import RungeKutta, rollout
from dynnets.losses import derivative_matching
from dynnets.models import NeuralODE, PortHamiltonianNetwork
from dynnets.training import fit, stack_models, unstack

NAME = "silverbox"
X64 = True
SEEDS = 3

OURS, PLAIN, LINEAR = "port-Hamiltonian", "Neural ODE", "linear"
PUBLISHED_MV = 0.26
# Units in which everything is of order one: time in samples, volts divided by these.
OUTPUT_UNIT, INPUT_UNIT, MILLIVOLT = 0.1, 0.05, 100.0
REFINE, SKIP, SETTLE = 4, 50, 100
STEP = RungeKutta(diffrax.Tsit5())


def make(kind: str, key):
    """A model of `(y, v)` with one input, in units of samples."""
    if kind == PLAIN:
        return NeuralODE(2, 16, 1, input_dim=1, step=STEP, key=key)
    stiffness = [0.0, 0.5] if kind == LINEAR else [0.0, 0.5, 0.0, 0.0]
    potential = PolynomialPotential(jnp.asarray([stiffness]))
    if kind == OURS:
        potential = SumEnergy((potential, MLPEnergy(1, 12, 1, key=key)))
    energy = SeparableEnergy(KineticEnergy(jnp.ones(1)), potential)
    return PortHamiltonianNetwork(2, learned=energy, input_dim=1, step=STEP, key=key)


class Record(NamedTuple):
    """A part in our units: `u` refined, `y`, and the states `(y, dy/dt)` and their derivatives."""

    u: np.ndarray
    y: np.ndarray
    x: np.ndarray
    dx: np.ndarray


def scaled_record(part) -> Record:
    """Inputs and derivatives from the refined signals: both are band-limited."""
    u, y = (
        scipy.signal.resample_poly(np.asarray(values[0, :, 0]), REFINE, 1, padtype="line") / unit
        for values, unit in ((part.us, INPUT_UNIT), (part.xs, OUTPUT_UNIT))
    )
    v = np.gradient(y, 1 / REFINE)
    a = np.gradient(v, 1 / REFINE)
    at = slice(None, None, REFINE)
    return Record(u, y[at], np.stack([y, v], 1)[at], np.stack([v, a], 1)[at])


class Windows(eqx.Module):
    """Windows of a record: refined inputs `(N, T REFINE, 1)`, outputs `(N, T)`, states `(N, 2)`."""

    us: Array
    ys: Array
    x0: Array


def windows_of(record: Record, length: int, stride: int) -> Windows:
    """Windows of `length` samples, one every `stride`."""
    starts = range(0, len(record.y) - length, stride)
    return Windows(
        jnp.asarray(np.stack([record.u[REFINE * s : REFINE * (s + length), None] for s in starts])),
        jnp.asarray(np.stack([record.y[s : s + length] for s in starts])),
        jnp.asarray(np.stack([record.x[s] for s in starts])),
    )


def simulate(model, windows: Windows, x0=None) -> Array:
    """Free simulation of every window at once: outputs `(N, T)`."""
    inputs = UniformInput(jnp.moveaxis(windows.us, 0, -1), 1 / REFINE)
    start = (windows.x0 if x0 is None else x0).T
    steps = windows.ys.shape[1] - 1
    return rollout(STEP, model.field, start, (1.0, steps), inputs).xs[:, 0].T


def refine(model, windows: Windows, max_steps: int):
    """Levenberg-Marquardt on the simulation error after the first `SETTLE` samples."""
    params, static = eqx.partition(model, eqx.is_inexact_array)

    def residual(params, windows):
        error = simulate(eqx.combine(params, static), windows) - windows.ys
        return error[:, SETTLE:]

    solver = optx.LevenbergMarquardt(rtol=1e-5, atol=1e-8)
    found = optx.least_squares(
        residual, solver, params, windows, options={"jac": "fwd"}, max_steps=max_steps, throw=False
    )
    return eqx.combine(found.value, static)


def initial_state(model, windows: Windows) -> Array:
    """The state at the start of a record, fitted to its first `SKIP` samples."""
    head = Windows(windows.us[:, : REFINE * SKIP], windows.ys[:, :SKIP], windows.x0)
    solver = optx.LevenbergMarquardt(rtol=1e-8, atol=1e-8)
    found = optx.least_squares(
        lambda x0, _: simulate(model, head, x0) - head.ys,
        solver,
        windows.x0,
        options={"jac": "fwd"},
        max_steps=50,
        throw=False,
    )
    return found.value


def train(settings: Settings, kind: str, record: Record):
    """One model per seed: derivatives of the record, then its free simulation."""
    count = len(settings.seeds)
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    models = stack_models(lambda key: make(kind, key), keys)
    known = Samples(
        jnp.arange(len(record.y)) * 1.0,
        jnp.asarray(record.x),
        jnp.asarray(record.dx),
        jnp.asarray(record.u[::REFINE, None]),
    )
    steps = settings.scaled(1500, fast=2)
    fitted = fit(
        models, derivative_matching, known, optax.adam(optax.cosine_decay_schedule(1e-2, steps)),
        steps=steps, key=jr.key(1), ensemble=count, batch_size=1024, chunk=500,
    )  # fmt: skip
    pieces = windows_of(record, settings.scaled(400, fast=110), settings.scaled(600, fast=30000))
    improve = eqx.filter_jit(lambda model: refine(model, pieces, settings.scaled(8, fast=1)))
    return [improve(unstack(fitted.model, i)) for i in range(count)]


def simulation_errors(models, part, last: int | None = None) -> np.ndarray:
    """Simulation errors in mV on a test part, `(seeds, T - SKIP)`."""
    record = scaled_record(part)
    whole = Windows(
        jnp.asarray(record.u[None, : None if last is None else REFINE * last, None]),
        jnp.asarray(record.y[None, :last]),
        jnp.asarray(record.x[:1]),
    )

    @eqx.filter_jit
    def one(model):
        return (simulate(model, whole, initial_state(model, whole)) - whole.ys)[0, SKIP:]

    return np.stack([one(model) for model in models]) * MILLIVOLT


def rms(errors) -> np.ndarray:
    """Root mean square over time, one value per seed; infinite where the simulation left."""
    found = np.sqrt(np.mean(errors**2, axis=1))
    return np.where(np.isfinite(found), found, np.inf)


def part_rows(arrow: dict, multisine: dict, inside: int) -> list[Row]:
    """One row per test part, and whether the simulation stayed in the record's range."""
    names = (PLAIN, LINEAR)
    full = {kind: rms(arrow[kind]) for kind in arrow}
    within = {kind: rms(arrow[kind][:, : inside - SKIP]) for kind in arrow}
    other = {kind: rms(multisine[kind]) for kind in multisine}
    published = {**{kind: full[kind] for kind in names}, "PNLSS (cited)": PUBLISHED_MV}
    worst = {kind: np.abs(arrow[kind]).max(axis=1) for kind in arrow}
    return [
        at_most("arrow, RMS error", full[OURS], 2 * PUBLISHED_MV, published, unit="mV"),
        at_most("arrow, largest error (300 mV is the record's range)", worst[OURS], 30.0,
                {kind: worst[kind] for kind in names}, unit="mV"),
        Row("arrow, first 32000 samples (no extrapolation)", within[OURS],
            {kind: within[kind] for kind in names}, "mV"),
        Row("multisine test part", other[OURS], {kind: other[kind] for kind in names}, "mV"),
    ]  # fmt: skip


def draw(settings: Settings, part, errors: dict) -> None:
    """The record and the errors of the first seed along the arrow part."""
    if settings.figures is None:
        return
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 1, figsize=(8.4, 5.0), sharex=True)
    time = np.asarray(part.ts[0, SKIP:])[: errors[OURS].shape[1]]
    axes[0].plot(time, np.asarray(part.xs[0, SKIP:, 0])[: len(time)] * 1e3, lw=0.3, color="#444444")
    axes[0].set_ylabel("output (mV)")
    for kind in (PLAIN, OURS):
        axes[1].plot(time, errors[kind][0], lw=0.3, label=kind)
    axes[1].set(ylabel="simulation error (mV)", xlabel="time (s)")
    axes[1].set_yscale("symlog", linthresh=1.0)
    axes[1].legend(loc="upper left")
    settings.save_figure(figure, "arrow")
    plt.close(figure)


def run(settings: Settings) -> Result:
    """Train every kind on the multisine part, simulate all test parts."""
    box = load_silverbox(settings.data_file("sysid_measured.npz"))
    record = scaled_record(box.train)
    last = settings.scaled(None, fast=200)
    inside = settings.scaled(box.arrow_inside.ts.shape[1], fast=100)
    arrow, multisine = {}, {}
    for kind in (OURS, PLAIN, LINEAR):
        with settings.clock(f"{kind}, training"):
            models = train(settings, kind, record)
        with settings.clock(f"{kind}, simulation"):
            arrow[kind] = simulation_errors(models, box.arrow, last)
            multisine[kind] = simulation_errors(models, box.test_multisine, last)
    draw(settings, box.arrow, arrow)
    notes = (
        "scores leave out the first 50 samples, which give the initial state",
        "the Neural ODE is not trained to its end: 8 steps of the same optimiser leave it there",
        "0.26 mV: PNLSS, Paduart et al., SYSID 2012, cited from memory; discrete-time",
    )
    return Result(part_rows(arrow, multisine, inside), notes)
