"""G-SympNet: a map of one interval, symplectic for all weights."""

from benchmarks.leaderboard.learner import Learner, train_step_map
from dynnets.networks import sympnet_g


def train(task, keys, budget):
    """Eight gradient layers, 32 wide; pairs of neighbouring samples."""
    return train_step_map(task, lambda key: sympnet_g(task.dim, 8, 32, key=key), keys, budget)


LEARNER = Learner("SympNet G", train)
