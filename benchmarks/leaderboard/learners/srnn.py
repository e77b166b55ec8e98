"""Symplectic recurrent network: learned T(p) + V(q), unrolled by leapfrog over each window."""

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.losses import TrajectoryMatching
from dynnets.models import SRNN


def train(task, keys, budget):
    """Nets 64 wide; states of the whole window compared, the noisy first one taken as it is."""

    def make(key):
        return SRNN(task.dim, 64, 2, key=key)

    loss = TrajectoryMatching(None, shared_times=True)
    return adam(task, make, loss, task.train, keys, budget, per_item=WINDOW)


LEARNER = Learner("SRNN", train)
