"""SympNets of all kinds: pendulum, double pendulum, steps of all lengths, three bodies, speed.

Maps of one step that are symplectic for all weights, against an HNN trained on differences at
midpoints, and the speed of an LA-SympNet's optimiser step against the package strupnet (PyTorch).
Medians over the seeds, which train in one program.
"""

import equinox as eqx
import jax
import jax.random as jr
import optax

from benchmarks.harness import MissingData, Result, Row, Settings, at_least, peers
from benchmarks.harness.roofline import seconds
from benchmarks.sympnets import tasks, three_body
from benchmarks.sympnets.training import orbit, pairs
from dynnets.losses import flow_matching
from dynnets.networks import sympnet_la
from dynnets.training import fit

NAME = "sympnets"
X64 = True
SEEDS = 3

ROUNDS = 3


def _strupnet(settings: Settings, states, steps: int):
    """A closure of `steps` Adam updates of strupnet's LA-SympNet of the same size."""
    torch = peers.torch()
    try:
        from strupnet import SympNet
    except ImportError:
        raise MissingData("strupnet is not installed: pip install strupnet") from None
    net = SympNet(dim=1, layers=3, method="LA", sublayers=2)
    x, y = (torch.tensor(part.copy()) for part in (states[:-1, ::-1], states[1:, ::-1]))
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)

    def run():
        for _ in range(steps):
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(net(x, 1.0), y).backward()
            optimiser.step()

    return run


def speed_rows(settings: Settings) -> list[Row]:
    """LA(3,2) on the pendulum's 40 pairs, full batch, everything that `fit` does included."""
    steps, theirs = settings.scaled(50_000, fast=20), settings.scaled(300, fast=2)
    states = orbit(tasks.PENDULUM, [1.0, 0.0], 0.1, 40)
    net, data = sympnet_la(2, 3, 2, key=jr.key(0)), pairs(states)
    optimiser = optax.adam(optax.cosine_decay_schedule(1e-2, steps))

    def ours():
        run = fit(net, flow_matching, data, optimiser, steps=steps, key=jr.key(1), chunk=steps)
        return eqx.filter(run.model, eqx.is_array)

    peer = _strupnet(settings, states, theirs)
    first = seconds(ours)
    peer()
    mine, other = [], []
    for _ in range(settings.scaled(ROUNDS, fast=1)):
        with settings.clock("speed"):
            mine.append(seconds(ours) / steps)
            other.append(seconds(peer) / theirs)
    faster = [b / a for a, b in zip(mine, other, strict=True)]
    return [
        at_least("LA(3,2) optimiser steps per second", [1 / s for s in mine], 60_000,
                 {"strupnet": [1 / s for s in other]}),
        at_least("LA(3,2), times faster than strupnet", faster, 5),
        Row("50000 LA(3,2) steps, compilation included", first, unit="s"),
    ]  # fmt: skip


def run(settings: Settings) -> Result:
    """All tasks; the speed first, before anything has warmed up the machine."""
    jobs = (
        speed_rows,
        tasks.pendulum_rows,
        tasks.double_pendulum_rows,
        tasks.irregular_rows,
        three_body.rows,
    )
    rows = []
    for job in jobs:
        rows += job(settings)
        jax.clear_caches()
    return Result(rows, (*tasks.NOTES, *three_body.NOTES))
