"""The problems of the work-precision diagrams: systems, periods, initial states, settings."""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.integrators.work_precision import Problem
from dynnets.systems import FermiPastaUlamTsingou, HenonHeiles, Kepler, PlanarNBody


class Case(NamedTuple):
    """A problem, the energy error at which methods are compared, and what is run.

    - `evaluations`: of the force, per period, that each of our steps may spend.
    - `rebound`: its methods with their steps (`ias15`: its precision).
    """

    problem: Problem
    target: float
    evaluations: tuple[int, ...]
    rebound: Mapping[str, tuple[float, ...]] = {}


def _sampled(system):
    return lambda seed: system.sample(jr.key(seed))


def _planets(seed: int):
    """Two planets at 1 and 1.8 with eccentricity 0.1 around the first body."""
    phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
    masses, axes, e = np.array([1e-3, 3e-4]), np.array([1.0, 1.8]), 0.1
    turn = np.stack([np.cos(phases), np.sin(phases)], axis=1)
    ahead = np.stack([-np.sin(phases), np.cos(phases)], axis=1)
    speed = np.sqrt((1 + e) / (1 - e) / axes)[:, None]
    places, momenta = (axes * (1 - e))[:, None] * turn, masses[:, None] * speed * ahead
    places = np.vstack([np.zeros((1, 2)), places])
    momenta = np.vstack([-momenta.sum(axis=0, keepdims=True), momenta])
    return jnp.asarray(np.concatenate([places.ravel(), momenta.ravel()]))


def _eight(seed: int):
    """Three equal bodies near their periodic orbit in the form of an eight."""
    place, motion = np.array([0.97000436, -0.24308753]), np.array([0.93240737, 0.86473146])
    places = np.stack([place, -place, 0 * place])
    momenta = np.stack([motion / 2, motion / 2, -motion])
    shaken = 1e-3 * np.random.default_rng(seed).normal(size=(3, 2))
    return jnp.asarray(np.concatenate([(places + shaken).ravel(), momenta.ravel()]))


def cases() -> list[Case]:
    """Five problems; rebound takes part in the two of several bodies."""
    kepler, henon = Kepler(), HenonHeiles(1.0, (1 / 24, 1 / 12))
    chain, turn = FermiPastaUlamTsingou(), 2 * np.pi
    planets, eight = PlanarNBody(masses=(1.0, 1e-3, 3e-4)), PlanarNBody()
    wave = turn / float(chain.frequencies()[0])
    generic = {"leapfrog": (0.02, 0.005, 0.001), "ias15": (1e-9,)}
    special = {"leapfrog": (0.05, 0.01, 0.001), "whfast": (0.8, 0.2, 0.05), "saba": (0.8, 0.4)}
    by_name = {
        "Kepler, e = 0.6": (kepler, kepler.period, _sampled(kepler), 1e-6, (300, 600, 1200), {}),
        "Henon-Heiles": (henon, turn, _sampled(henon), 1e-6, (60, 120, 240), {}),
        "Fermi-Pasta-Ulam-Tsingou, 32": (
            *(chain, wave, _sampled(chain), 1e-6),
            *((300, 600, 1200), {}),
        ),
        "Figure eight": (eight, 6.3259, _eight, 1e-7, (200, 400, 800), generic),
        "Sun and two planets": (planets, turn, _planets, 1e-7, (120, 240, 480), special),
    }
    return [
        Case(Problem(name, system, period, start), target, evaluations, rebound)
        for name, (system, period, start, target, evaluations, rebound) in by_name.items()
    ]
