"""G-SympNet: a map of one interval, symplectic for all weights."""

from benchmarks._leaderboard import Learner, adam
from dynnets.data import windows
from dynnets.models import NetworkFlow
from dynnets.networks import sympnet_g
from dynnets.training import flow_matching, flow_samples


def train(task, keys, budget):
    """Eight gradient layers, 32 wide; pairs of neighbouring samples."""

    def make(key):
        return NetworkFlow(sympnet_g(task.dim, 8, 32, key=key), task.interval)

    pairs = flow_samples(windows(task.train, 2))
    return adam(task, make, flow_matching, pairs, keys, budget, rate=1e-2)


LEARNER = Learner("SympNet G", train)
