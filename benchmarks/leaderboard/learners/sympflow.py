"""SympFlow from segments: a symplectic flow of any time up to one window, then composed."""

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.losses import flow_matching, flow_samples
from dynnets.models import SympFlow


def train(task, keys, budget):
    """Five layers, potentials 32 wide; every later sample of a window against its first one."""

    def make(key):
        return SympFlow(task.dim, 32, 5, dt=WINDOW * task.interval, key=key)

    return adam(task, make, flow_matching, flow_samples(task.train), keys, budget)


LEARNER = Learner("SympFlow", train)
