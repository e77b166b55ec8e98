"""One law of the distance summed over all pairs of bodies, where the system has bodies."""

import jax.numpy as jnp

from benchmarks.leaderboard.learner import Learner, adam
from dynnets.data import midpoint_derivatives
from dynnets.energies import CirculationEnergy, DistanceLaw
from dynnets.integrators import rk4
from dynnets.losses import derivative_matching
from dynnets.models import HNN


def suits(task) -> str:
    """Only bodies that act in pairs."""
    return "" if task.bodies else "the system has no bodies that act in pairs"


def train(task, keys, budget):
    """A law 32 wide on distances up to six, matched to differences of neighbouring samples."""
    ones = jnp.ones(task.bodies)

    def make(key):
        energy = CirculationEnergy(DistanceLaw(0.0, 6.0, key=key), ones)
        return HNN(task.dim, learned=energy, step=rk4, key=key)

    return adam(task, make, derivative_matching, midpoint_derivatives(task.train), keys, budget)


LEARNER = Learner("pairwise HNN", train, suits)
