"""LA-SympNet: a map of one interval, symplectic for all weights."""

from benchmarks.leaderboard.learner import Learner, train_step_map
from dynnets.networks import sympnet_la


def train(task, keys, budget):
    """Twenty layers of four linear sub-layers; pairs of neighbouring samples."""
    return train_step_map(task, lambda key: sympnet_la(task.dim, 20, 4, key=key), keys, budget)


LEARNER = Learner("SympNet LA", train)
