"""Round-off of long runs: plain and compensated steps in float32 and float64.

Every run starts from the same states with the same step, a power of two, so that all of them
would agree in exact arithmetic. What separates their energies from the float64 compensated run
is round-off alone; the energies themselves are evaluated in float64, and averaged over a window
of samples. The figure of a seed is the root mean square over its orbits, relative to the energy.
Ours is the compensated step, the baseline the bare one.
"""

import math
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.harness import Result, Row, Settings, median
from dynnets.integrators import Compensated, rollout, verlet_kdk, yoshida4
from dynnets.systems import HenonHeiles, Kepler

NAME = "precision"
X64 = True
SEEDS = 3

ORBITS = 8  # a seed
STEP = 2.0**-7  # of both systems: 804 steps a revolution
EVERY = 128  # steps between two samples
WINDOW = 64  # samples averaged
SYSTEMS = {"Kepler": Kepler(eccentricity=0.3), "Henon-Heiles": HenonHeiles(energies=(0.02, 0.06))}
STEPS = {"Verlet": verlet_kdk, "Yoshida 4": yoshida4}
BAR = 0.1  # of the plain run's round-off, float32


class Run(NamedTuple):
    """Energies of one run over their first ones less one, `(samples, orbits)`."""

    energies: np.ndarray

    def against(self, other: "Run", part: int) -> np.ndarray:
        """RMS of the gap per seed in the window that ends at the `part`-th part of the run."""
        end = (len(self.energies) - 1) // part + 1
        gap = (self.energies - other.energies)[max(end - WINDOW, 0) : end].mean(axis=0)
        return np.sqrt((gap.reshape(-1, ORBITS) ** 2).mean(axis=1))

    def worst(self) -> np.ndarray:
        """Greatest size per seed, truncation included."""
        return np.abs(self.energies).max(axis=0).reshape(-1, ORBITS).max(axis=1)


def _starts(system, seeds) -> jax.Array:
    """States `(4, seeds * ORBITS)` that float32 holds exactly."""
    keys = jnp.concatenate([jr.split(jr.key(seed), ORBITS) for seed in seeds])
    return jax.jit(jax.vmap(system.sample))(keys).T.astype(jnp.float32)


@eqx.filter_jit
def _energies(system, step, x0, samples: int):
    path = rollout(step, system.field, x0, (STEP * EVERY, samples), substeps=EVERY).xs
    energy = system.energy(0.0, jnp.moveaxis(path.astype(jnp.float64), 1, 0))
    return energy / energy[:1] - 1


def _runs(settings: Settings, name: str, label: str, samples: int) -> dict[tuple[str, bool], Run]:
    """By precision and whether compensated."""
    system, step = SYSTEMS[name], STEPS[label]
    x0, runs = _starts(system, settings.seeds), {}
    for dtype in ("float32", "float64"):
        for compensated in (False, True):
            used = Compensated(step) if compensated else step
            kind = "compensated" if compensated else "plain"
            with settings.clock(f"{label}, {dtype}, {kind}"):
                found = np.asarray(_energies(system, used, x0.astype(dtype), samples))
            runs[dtype, compensated] = Run(found)
    return runs


def _slope(runs, reference: Run, key, parts: int) -> np.ndarray:
    """Exponent of growth with the number of steps between the `parts`-th part and the end."""
    ratio = runs[key].against(reference, 1) / runs[key].against(reference, parts)
    return np.log(ratio) / math.log(parts)


def _rows(settings: Settings, name: str, label: str, samples: int) -> list[Row]:
    runs = _runs(settings, name, label, samples)
    if settings.figures is not None:
        _figure(settings, name, label, runs)
    reference, what = runs["float64", True], f"{name}, {label}"
    ours = runs["float32", True].against(reference, 1)
    plain = runs["float32", False].against(reference, 1)
    return [
        Row(
            f"{what}, float32: round-off of the energy at the end",
            ours,
            {"plain": plain},
            bar=f"<= {BAR:g} plain",
            holds=median(ours / plain) <= BAR,
        ),
        Row(
            f"{what}, float32: exponent of its growth over the last factor 16",
            _slope(runs, reference, ("float32", True), 16),
            {"plain": _slope(runs, reference, ("float32", False), 16)},
        ),
        Row(
            f"{what}, float64: plain against compensated, at the end",
            runs["float64", False].against(reference, 1),
        ),
        Row(
            f"{what}: greatest energy error, truncation included (float32)",
            runs["float32", True].worst(),
            {
                "plain": runs["float32", False].worst(),
                "float64 plain": runs["float64", False].worst(),
            },
        ),
    ]


def _figure(settings: Settings, name: str, label: str, runs) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    reference = runs["float64", True]
    steps = EVERY * np.arange(1, len(reference.energies))
    for (dtype, compensated), run in runs.items():
        if run is not reference:
            gap = np.sqrt(((run.energies - reference.energies)[1:] ** 2).mean(axis=1))
            kind = "compensated" if compensated else "plain"
            axes.loglog(steps, gap, label=f"{dtype}, {kind}", lw=0.8)
    axes.set(xlabel="steps", ylabel="round-off of the energy", title=f"{name}, {label}")
    axes.legend()
    settings.save_figure(figure, f"{name}-{label}".replace(" ", "-").lower())


def run(settings: Settings) -> Result:
    """Four tables in one: two systems and two methods."""
    samples = settings.scaled(1 << 12, fast=1 << 7)
    rows: list[Row] = []
    for name in SYSTEMS:
        for label in STEPS:
            rows += _rows(settings, name, label, samples)
    note = (
        f"{samples * EVERY} steps of {STEP:g}, {ORBITS} orbits a seed; round-off is the distance "
        "to the compensated float64 run of the same method, mean over the last "
        f"{WINDOW} samples, relative to the energy."
    )
    return Result(rows, (note,))
