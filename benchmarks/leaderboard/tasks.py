"""The data of the leaderboard: seven systems, clean and noisy, and one measured pendulum.

Every learner gets the same normalised trajectories: coordinates and momenta are divided by their
own root mean square, and time by the quotient of both, so that all are of order one, pairs
`(q_i, p_i)` scale alike, and a unit mass stays one. Energies are measured on the restored states.
"""

import dataclasses
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from benchmarks.harness import Settings
from dynnets.data import Trajectories, load_schmidt_lipson, simulate, split_counts, windows
from dynnets.models import Units
from dynnets.systems import (
    DoublePendulum,
    FermiPastaUlamTsingou,
    HenonHeiles,
    Kepler,
    NonseparableOscillator,
    Pendulum,
    PointVortices,
)

WINDOW = 10
"""Intervals of a training trajectory: the unit in which horizons of forecasts are given."""

NOISE = 0.01
"""Deviation of the noise of noisy data, in units of the normalised states."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What is learned, and what is asked of it.

    - `train`: trajectories of `WINDOW` intervals, normalised, equally spaced by `interval`.
    - `ts (n,)`, `starts (k, d)`, `truth (k, n, d)`: what is to be forecast, without noise for
      simulated systems.
    - `energy`: `H(t, x)` of normalised states; `conserved`: whether the truth keeps it.
    - `separable`: whether `H = T(p) + V(q)`; `bodies`: of a sum over pairs, else 0.
    """

    name: str
    noise: float
    train: Trajectories
    ts: Float[Array, " n"]
    starts: Float[Array, "k d"]
    truth: Float[Array, "k n d"]
    energy: Callable
    conserved: bool
    separable: bool
    bodies: int

    @property
    def label(self) -> str:
        """The name with the kind of data."""
        if not self.conserved:
            return f"{self.name} (measured)"
        return f"{self.name} ({'noisy' if self.noise else 'clean'})"

    @property
    def dim(self) -> int:
        """Of the state."""
        return self.starts.shape[1]

    @property
    def interval(self) -> float:
        """Between two samples, in normalised time."""
        return float(self.ts[1] - self.ts[0])


def _systems() -> dict:
    """Per system: interval between samples, whether H is separable, bodies that act in pairs."""
    return {
        "pendulum": (Pendulum(), 0.2, True, 0),
        "double pendulum": (DoublePendulum(), 0.05, False, 0),
        "Henon-Heiles": (HenonHeiles(), 0.2, True, 0),
        "Kepler": (Kepler(eccentricity=0.3), 0.1, True, 0),
        "nonseparable oscillator": (NonseparableOscillator(), 0.05, False, 0),
        "FPUT chain": (FermiPastaUlamTsingou(n=4, alpha=0.25, mode=1), 0.3, True, 0),
        "4 vortices": (PointVortices((1.0, 1.0, 1.0, 1.0)), 0.2, False, 4),
    }


SYSTEMS = tuple(_systems())
MEASURED = "pendulum"


def _units(trajectories: Trajectories) -> Units:
    xs = np.asarray(trajectories.xs)
    n = xs.shape[-1] // 2
    size = [np.sqrt(np.mean(part**2)) for part in (xs[..., :n], xs[..., n:])]
    scale = np.repeat(size, n)
    return Units(jnp.zeros(2 * n), jnp.asarray(scale), jnp.asarray(size[0] / size[1]))


def _normalised(trajectories: Trajectories, units: Units, noise: float, key) -> Trajectories:
    """In units of order one, with noise, and marked as `(q, p)`; all trials are equally long."""
    xs = jnp.moveaxis(units.normalise(jnp.moveaxis(trajectories.xs, -1, 0)), 0, -1)
    xs = xs + noise * jr.normal(key, xs.shape, xs.dtype)
    ts = trajectories.ts / units.time
    return Trajectories.from_trials(list(np.asarray(ts)), list(np.asarray(xs)), phase="momenta")


def _restored(energy: Callable, units: Units) -> Callable:
    return lambda t, x: energy(t, units.restore(x))


def simulated(name: str, noise: float, settings: Settings) -> Task:
    """A system's task: the same trajectories for clean and noisy data, but for the noise."""
    system, interval, separable, bodies = _systems()[name]
    trials, tests = settings.scaled(100, fast=4), settings.scaled(16, fast=2)
    steps = settings.scaled(100, fast=2) * WINDOW
    train_key, test_key, noise_key = jr.split(jr.key(SYSTEMS.index(name)), 3)
    train = simulate(system, train_key, trials, interval * np.arange(WINDOW + 1))
    test = simulate(system, test_key, tests, interval * np.arange(steps + 1))
    units = _units(train)
    truth = units.normalise(jnp.moveaxis(test.xs, -1, 0))
    return Task(
        name=name,
        noise=noise,
        train=_normalised(train, units, noise, noise_key),
        ts=test.ts[0] / units.time,
        starts=truth[:, :, 0].T,
        truth=jnp.moveaxis(truth, 0, -1),
        energy=_restored(system.energy, units),
        conserved=True,
        separable=separable,
        bodies=bodies,
    )


def _evenly_spaced(record: Trajectories, interval: float) -> Trajectories:
    """The record at equal intervals, along cubic Hermite curves through its `(angle, rate)`."""
    trial = next(iter(record))
    old, xs = np.asarray(trial.ts), np.asarray(trial.xs)
    new = np.arange(old[0], old[-1], interval)
    at = np.clip(np.searchsorted(old, new, side="right") - 1, 0, len(old) - 2)
    h = (old[at + 1] - old[at])[:, None]
    s = (new - old[at])[:, None] / h
    first, second = xs[at], xs[at + 1]
    angle = (
        (1 + 2 * s) * (1 - s) ** 2 * first[:, :1]
        + s * (1 - s) ** 2 * h * first[:, 1:]
        + s**2 * (3 - 2 * s) * second[:, :1]
        - s**2 * (1 - s) * h * second[:, 1:]
    )
    rate = (1 - s) * first[:, 1:] + s * second[:, 1:]
    return record.with_trials(
        [trial._replace(ts=new, xs=np.concatenate([angle, rate], axis=1), dxs=None)]
    )


def measured(settings: Settings) -> Task:
    """The measured pendulum: trained on its first 80 %, forecast from there to its end.

    Its horizon of 100 training windows is longer than the record, so forecasts end earlier.
    The energy is the assumed `2.4 (1 - cos o) + v^2`, which friction takes out.
    """
    path = settings.data_file("schmidt_lipson.npz")
    record = _evenly_spaced(load_schmidt_lipson("real_pend_h_1", path), 0.15)
    count = int(0.8 * record.ts.shape[1])
    train, test = split_counts(record, count)
    units = _units(train)
    train = _normalised(train, units, 0.0, jr.key(0))
    test = _normalised(test, units, 0.0, jr.key(0))

    def energy(t, x):
        return 2.4 * (1 - jnp.cos(x[0])) + x[1] ** 2

    return Task(
        name="pendulum",
        noise=0.0,
        train=windows(train, WINDOW + 1, settings.scaled(2, fast=100)),
        ts=test.ts[0] - test.ts[0, 0],
        starts=test.xs[:, 0],
        truth=test.xs,
        energy=_restored(energy, units),
        conserved=False,
        separable=True,
        bodies=0,
    )


def tasks(settings: Settings, systems: Sequence[str], noises: Sequence[float]) -> list[Task]:
    """The tasks of some systems with every noise, and the measured one.

    The measured one is left out, with a word, where its data are absent.
    """
    systems, noises = settings.scaled((systems, noises), fast=(systems[:1], (0.0,)))
    found = [simulated(name, noise, settings) for name in systems for noise in noises]
    if settings.data is None:
        print("the measured pendulum is left out: give its folder by --data or DYNNETS_DATA")
        return found
    return [*found, measured(settings)]
