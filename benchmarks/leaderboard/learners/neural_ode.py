"""Neural ODE on windows: a net as field, the classical Runge-Kutta method as its step."""

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.integrators import rk4
from dynnets.losses import TrajectoryMatching
from dynnets.models import NeuralODE


def train(task, keys, budget):
    """A net 64 wide, rolled out over the whole of each window."""

    def make(key):
        return NeuralODE(task.dim, 64, 2, step=rk4, key=key)

    loss = TrajectoryMatching(rk4, shared_times=True)
    return adam(task, make, loss, task.train, keys, budget, per_item=WINDOW)


LEARNER = Learner("neural ODE", train)
