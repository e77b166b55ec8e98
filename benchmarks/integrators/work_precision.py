"""Runs of one trajectory by our steps, by diffrax and by rebound: what each costs and errs."""

import functools
import importlib
from collections.abc import Callable
from typing import NamedTuple

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness import MissingData
from benchmarks.harness.roofline import seconds
from dynnets.integrators import rollout


class Problem(NamedTuple):
    """A system, the time that counts as one period, and its initial state by seed."""

    name: str
    system: object
    period: float
    start: Callable


class Point(NamedTuple):
    """One run: wall seconds, and the relative energy error at the saved times."""

    seconds: float
    errors: np.ndarray

    @property
    def error(self) -> float:
        """The largest one; infinite for a run that went wrong."""
        largest = float(np.max(self.errors))
        return largest if np.isfinite(largest) else np.inf


def energy_errors(system, xs) -> np.ndarray:
    """`|H(x) - H(x_0)| / |H(x_0)|` along `xs (times, d)`."""
    values = np.asarray(jax.jit(jax.vmap(lambda x: system.energy(0.0, x)))(xs))
    return np.abs(values - values[0]) / abs(values[0])


@functools.cache
def our_run(problem: Problem, step, total: float, saves: int, substeps: int, batch: int | None):
    """Compiled `x0 -> xs (saves + 1, ...)`; with `batch` the same orbit in so many columns."""
    field = problem.system.field

    def run(x0):
        if batch is not None:
            x0 = jnp.repeat(x0[:, None], batch, axis=1)
        xs = rollout(step, field, x0, (total / saves, saves), substeps=substeps).xs
        return xs if batch is None else xs[..., 0]

    return jax.jit(run).lower(problem.start(0)).compile()


@functools.cache
def diffrax_run(problem: Problem, solver: str, total: float, saves: int):
    """The same by an adaptive solver of diffrax, `(x0, tolerance) -> xs`, `rtol = atol`."""
    field = problem.system.field

    def run(x0, tolerance):
        return diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            getattr(diffrax, solver)(),
            0.0,
            total,
            1e-3 * problem.period,
            x0,
            saveat=diffrax.SaveAt(ts=jnp.linspace(0.0, total, saves + 1)),
            stepsize_controller=diffrax.PIDController(rtol=tolerance, atol=tolerance),
            max_steps=None,
            throw=False,
        ).ys

    return jax.jit(run).lower(problem.start(0), 1e-8).compile()


def timed(problem: Problem, run, seed: int, *settings: float, runs: int = 2) -> Point:
    """The fastest one of some runs, and its energy errors."""
    x0, found = problem.start(seed), []
    spent = seconds(lambda: found.append(run(x0, *settings)) or found[-1], runs)
    return Point(spent, energy_errors(problem.system, found[-1]))


def rebound():
    """The package, or `MissingData` where it is not installed."""
    try:
        return importlib.import_module("rebound")
    except ImportError:
        raise MissingData("rebound is not installed: pip install 'dynnets[benchmarks]'") from None


def rebound_simulation(problem: Problem, seed: int):
    """The bodies of a planar N-body problem with `G = 1`."""
    simulation = rebound().Simulation()
    masses = problem.system.masses
    places, momenta = np.asarray(problem.start(seed)).reshape(2, len(masses), 2)
    for mass, place, momentum in zip(masses, places, momenta, strict=True):
        vx, vy = momentum / mass
        simulation.add(m=mass, x=place[0], y=place[1], vx=vx, vy=vy)
    return simulation


def rebound_run(problem: Problem, integrator: str, total: float, saves: int, setting: float, seed):
    """The faster one of two runs of rebound: `setting` is the step, or the precision of `ias15`."""
    simulations, energies = [], []
    for _ in range(2):
        simulation = rebound_simulation(problem, seed)
        simulation.integrator = integrator
        if integrator == "ias15":
            simulation.integrator.epsilon = setting
        else:
            simulation.dt = setting
        simulations.append(simulation)

    def run():
        simulation = simulations.pop()
        energies[:] = [simulation.energy()]
        for i in range(1, saves + 1):
            simulation.integrate(i * total / saves, exact_finish_time=0)
            energies.append(simulation.energy())

    spent = seconds(run, 2)
    values = np.array(energies)
    return Point(spent, np.abs(values - values[0]) / abs(values[0]))


def seconds_at(points: list[Point], target: float) -> float:
    """Seconds at which a method errs by `target`: between its two nearest points, in logarithms.

    Infinite where it never gets so precise; the cheapest run where all of them are.
    """
    good = [p for p in points if p.error <= target]
    if not good:
        return np.inf
    after = min(good, key=lambda p: p.seconds)
    worse = [p for p in points if p.error > target and p.seconds < after.seconds]
    if not worse:
        return after.seconds
    before = max(worse, key=lambda p: p.seconds)
    if not np.isfinite(before.error):
        return after.seconds
    share = np.log(before.error / target) / np.log(before.error / max(after.error, 1e-300))
    return float(before.seconds * (after.seconds / before.seconds) ** share)
