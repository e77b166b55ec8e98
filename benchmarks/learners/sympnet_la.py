"""LA-SympNet: a map of one interval, symplectic for all weights."""

from benchmarks._leaderboard import Learner, adam
from dynnets.data import windows
from dynnets.models import NetworkFlow
from dynnets.networks import sympnet_la
from dynnets.training import flow_matching, flow_samples


def train(task, keys, budget):
    """Five layers of four linear sub-layers; pairs of neighbouring samples."""

    def make(key):
        return NetworkFlow(sympnet_la(task.dim, 5, 4, key=key), task.interval)

    pairs = flow_samples(windows(task.train, 2))
    return adam(task, make, flow_matching, pairs, keys, budget, rate=1e-2)


LEARNER = Learner("SympNet LA", train)
