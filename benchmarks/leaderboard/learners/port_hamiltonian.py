"""Port-Hamiltonian model: an energy and a friction that is never negative, both learned."""

from benchmarks.leaderboard.learner import Learner, adam
from benchmarks.leaderboard.tasks import WINDOW
from dynnets.integrators import rk4
from dynnets.losses import TrajectoryMatching
from dynnets.models import PortHamiltonianNetwork


def train(task, keys, budget):
    """Energy 64 wide; rolled out over the whole of each window."""

    def make(key):
        return PortHamiltonianNetwork(task.dim, 64, 2, initial=0.03, step=rk4, key=key)

    loss = TrajectoryMatching(rk4, shared_times=True)
    return adam(task, make, loss, task.train, keys, budget, per_item=WINDOW)


LEARNER = Learner("port-Hamiltonian", train)
