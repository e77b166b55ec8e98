"""Taylor network: polynomial gradients of T(p) and V(q), symmetric by construction."""

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.integrators import forest_ruth
from dynnets.losses import OneStepMatching
from dynnets.models import TaylorNet


def train(task, keys, budget):
    """Six orders, 16 wide; pairs of neighbouring samples."""

    def make(key):
        return TaylorNet(task.dim, 6, 16, key=key)

    loss = OneStepMatching(forest_ruth)
    return adam(task, make, loss, task.train, keys, budget, per_item=WINDOW)


LEARNER = Learner("Taylor net", train)
