"""Hamiltonian neural network on midpoint differences, forecast by the classical Runge-Kutta."""

from benchmarks.leaderboard.learner import Learner, adam
from dynnets.data import midpoint_derivatives
from dynnets.integrators import rk4
from dynnets.losses import derivative_matching
from dynnets.models import HNN


def train(task, keys, budget):
    """A general energy, 64 wide, matched to the differences of neighbouring samples."""

    def make(key):
        return HNN(task.dim, 64, 2, step=rk4, key=key)

    return adam(task, make, derivative_matching, midpoint_derivatives(task.train), keys, budget)


LEARNER = Learner("HNN", train)
