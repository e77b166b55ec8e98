"""NSSNN: a net of coordinates and momenta under Tao's doubled step, on pairs of neighbours."""

from benchmarks.leaderboard.learner import Learner, adam
from dynnets.data import windows
from dynnets.losses import CopyMatching
from dynnets.models import NSSNN


def train(task, keys, budget):
    """A net 64 wide; two steps an interval, bound so that a step turns the copies by one radian."""

    def make(key):
        return NSSNN(task.dim, 64, 2, omega=1.0 / task.interval, substeps=2, key=key)

    pairs = windows(task.train, 2)
    return adam(task, make, CopyMatching(shared_times=True), pairs, keys, budget)


LEARNER = Learner("NSSNN", train)
