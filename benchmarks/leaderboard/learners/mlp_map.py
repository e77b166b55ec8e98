"""A map of one interval, `x + h MLP(x)`: no structure, no field between the samples."""

import diffrax

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.integrators import RungeKutta
from dynnets.losses import OneStepMatching
from dynnets.models import NeuralODE

STEP = RungeKutta(diffrax.Euler())


def train(task, keys, budget):
    """A residual net, 64 wide, on pairs of neighbouring samples; errors are weighed per time."""

    def make(key):
        return NeuralODE(task.dim, 64, 2, step=STEP, key=key)

    loss = OneStepMatching(STEP)
    return adam(task, make, loss, task.train, keys, budget, per_item=WINDOW)


LEARNER = Learner("MLP step map", train)
