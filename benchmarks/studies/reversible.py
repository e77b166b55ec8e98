"""Gradients of long rollouts that rebuild the trajectory, against those that store it.

Float64. The same Verlet rollouts and the same loss (the squared final state) with and without
`adjoint=Reversible()`: two learned energies of width 64 with 64 trajectories, and the
Henon-Heiles system. Memory is what the compiler reserves for temporaries; times are of warm
gradients, both ways after each other in every round.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.harness import Result, Row, Settings, at_most
from benchmarks.harness.roofline import seconds
from dynnets.energies import MLPEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import Reversible, rollout, verlet_kdk
from dynnets.plotting import plot_scaling
from dynnets.systems import HenonHeiles

NAME = "reversible"
X64 = True
SEEDS = 5

TRIALS, H = 64, 0.01
BOTH = {"rebuilt": Reversible(), "stored": None}
MIB = 2**20


def _henon_heiles(coupling):
    """The Henon-Heiles field with a coupling that gradients reach."""
    return HenonHeiles(coupling, (0.02, 1 / 12)).field


def _problem(name: str, seed: int):
    """`(parameters, make field, x0)`: gradients are taken for the parameters and `x0`."""
    keys = jr.split(jr.key(seed), 3)
    if name == "Henon-Heiles":
        sample = HenonHeiles(1.0, (0.02, 1 / 12)).sample
        x0 = jax.vmap(sample, out_axes=-1)(jr.split(keys[0], TRIALS))
        return jnp.asarray(1.0), _henon_heiles, x0
    kinetic, potential = (MLPEnergy(2, 64, 2, key=key) for key in keys[:2])
    field = SeparableHamiltonianField(kinetic, potential)
    return field, lambda field: field, jr.normal(keys[2], (4, TRIALS))


PROBLEMS = ("learned energies", "Henon-Heiles")


@functools.cache
def _gradient(name: str, kind: str, steps: int):
    """Compiled gradient of the squared final state after `steps` steps."""
    parameters, make, x0 = _problem(name, 0)

    def loss(varied):
        parameters, x0 = varied
        field = make(parameters)
        path = rollout(verlet_kdk, field, x0, (H * steps, 1), substeps=steps, adjoint=BOTH[kind])
        return jnp.mean(path.xs[-1] ** 2)

    return eqx.filter_jit(eqx.filter_value_and_grad(loss)).lower((parameters, x0)).compile()


def _memory(name: str, kind: str, steps: int) -> int:
    return _gradient(name, kind, steps).compiled.memory_analysis().temp_size_in_bytes


def _memory_rows(settings: Settings, name: str):
    """Temporary memory against the number of steps; the bar is its spread."""
    lengths = settings.scaled((1_000, 4_000, 16_000, 64_000), fast=(10, 40))
    with settings.clock(f"{name}: compiling for memory"):
        curves = {kind: [_memory(name, kind, n) for n in lengths] for kind in BOTH}
    mine = curves["rebuilt"]
    spread = max(mine) / min(mine) - 1
    longest, last = f"{lengths[-1]:,} steps", {"stored": curves["stored"][-1] / MIB}
    rows = [
        Row(f"{name}: temporaries, {longest}", mine[-1] / MIB, last, "MiB"),
        at_most(f"{name}: growth of temporaries, {lengths[0]:,} to {longest}", spread, 0.05),
    ]
    plotted = {f"{name}, {kind}": (lengths, np.array(v) / MIB) for kind, v in curves.items()}
    return rows, plotted


def _difference(one, other) -> float:
    """Largest difference of two gradients relative to the largest entry of the leaf."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(a))) for a, b in pairs)


def _timed(name: str, steps: int, seed: int, repeats: int):
    """Seconds of both gradients, one after the other, and their difference."""
    parameters, _, x0 = _problem(name, seed)
    varied, spent, found = (parameters, x0), {kind: [] for kind in BOTH}, {}
    for _ in range(repeats + 1):
        for kind in BOTH:
            compiled = _gradient(name, kind, steps)
            call = lambda c=compiled: eqx.filter(c(varied), eqx.is_array)  # noqa: E731
            spent[kind].append(seconds(call))
    for kind in BOTH:
        found[kind] = _gradient(name, kind, steps)(varied)[1]
    best = {kind: min(values[1:]) for kind, values in spent.items()}
    return best, _difference(found["stored"], found["rebuilt"])


def _time_rows(settings: Settings, name: str, steps: int) -> list[Row]:
    rounds = []
    for seed in settings.seeds:
        with settings.clock(f"{name}: gradients"):
            rounds.append(_timed(name, steps, seed, settings.scaled(3, fast=1)))
    mine, stored = ([1e3 * best[kind] for best, _ in rounds] for kind in BOTH)
    label = f"{name}, {steps:,} steps"
    ratios = [a / b for a, b in zip(mine, stored, strict=True)]
    return [
        Row(f"{label}: gradient", mine, {"stored": stored}, "ms"),
        at_most(f"{label}: time over that of stored states", ratios, 1.6),
        at_most(f"{label}: relative difference of gradients", [d for _, d in rounds], 1e-10),
    ]


def _long_row(settings: Settings, name: str) -> Row:
    """A gradient through the longest rollout, where storing every state is out of the question."""
    steps = settings.scaled(64_000, fast=40)
    parameters, _, x0 = _problem(name, 0)
    compiled = _gradient(name, "rebuilt", steps)
    with settings.clock(f"{name}: one gradient through {steps:,} steps"):
        spent = seconds(lambda: eqx.filter(compiled((parameters, x0)), eqx.is_array))
    return Row(f"{name}: gradient through {steps:,} steps", spent, unit="s")


def _drifts(name: str, dtype, lengths) -> list[float]:
    """Largest distance of the rebuilt initial states from the true ones."""
    parameters, make, x0 = _problem(name, 0)
    cast = lambda leaf: leaf.astype(dtype) if eqx.is_array(leaf) else leaf  # noqa: E731
    field, x0 = make(jax.tree.map(cast, parameters)), x0.astype(dtype)
    run = eqx.filter_jit(
        lambda field, x0, n: (
            rollout(
                verlet_kdk, field, x0, (H * n, 1), substeps=n, adjoint=Reversible(monitor=True)
            ).drift
        )
    )
    return [float(run(field, x0, n)) for n in lengths]


def _drift_rows(settings: Settings):
    lengths = settings.scaled((100, 1_000, 4_000, 16_000), fast=(10, 40))
    rows, curves = [], {}
    for name in PROBLEMS:
        with settings.clock("drift"):
            drifts = {t: _drifts(name, t, lengths) for t in ("float32", "float64")}
        double = {"float64": drifts["float64"][-1]}
        metric = f"{name}: drift over {lengths[-1]:,} steps, float32"
        rows.append(Row(metric, drifts["float32"][-1], double))
        curves |= {f"{name}, {dtype}": (lengths, values) for dtype, values in drifts.items()}
    return rows, curves


def _figures(settings: Settings, memory: dict, drift: dict) -> None:
    figure, _ = plot_scaling(memory, x_name="Verlet steps", y_name="temporary memory (MiB)")
    settings.save_figure(figure, "memory")
    figure, _ = plot_scaling(
        drift, x_name="Verlet steps", y_name="rebuilt minus true initial state"
    )
    settings.save_figure(figure, "drift")


def run(settings: Settings) -> Result:
    """Memory, time, equality and drift of reversible gradients."""
    rows, memory = [], {}
    lengths = {
        "learned energies": settings.scaled(1_000, fast=10),
        "Henon-Heiles": settings.scaled(16_000, fast=10),
    }
    for name in PROBLEMS:
        found, curves = _memory_rows(settings, name)
        rows += [*found, *_time_rows(settings, name, lengths[name]), _long_row(settings, name)]
        memory |= curves
    found, drift = _drift_rows(settings)
    _figures(settings, memory, drift)
    note = f"{TRIALS} trajectories, h = {H}, gradients of parameters and initial states"
    return Result([*rows, *found], (note,))
