"""SympFlow: solving oscillators and Henon-Heiles without data, or from noisy segments.

A SympFlow is compared with a net `x0 + tanh(t) NN(t, x0)` of as many parameters, trained by the
same loss for as many steps, and with SciPy's RK45 at its default tolerances. All train on one unit
of time and go on by composition. The error is the mean distance from the truth over 100 initial
values; the energy deviation the largest `|H/H0 - 1|` along one orbit to T = 1000. The truth is the
exact rotation, or DOP853 at 1e-11.

Three tasks (`tasks.py`, `henon_heiles.py`): the harmonic oscillator from its
equation, the same from 100 segments of 50 irregular times with and without noise, and
Henon-Heiles from its equation inside the bounded region. Then one training step against PyTorch.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from benchmarks.harness import Result, Row, Settings, at_least, peers
from benchmarks.harness.flows import in_precision, symplectic_flow
from benchmarks.harness.roofline import seconds
from benchmarks.sympflow import henon_heiles, tasks
from benchmarks.sympflow.peers import torch_sympflow
from dynnets.losses import Box, FlowResidual
from dynnets.systems import HenonHeiles
from dynnets.training import fit

NAME = "sympflow"
X64 = True  # scored in float64; every model is trained in float32
SEEDS = 3

ROUNDS = 5


def _step_seconds(settings: Settings, shared: bool, seed: int) -> float:
    """Seconds of one step of `fit`, everything it does included."""
    steps = settings.scaled(1000, fast=2)
    model = in_precision(symplectic_flow(4, 10, 3)(jr.key(seed)), jnp.float32)
    loss = FlowResidual(HenonHeiles().field, matching=1.0, shared=shared)
    box = in_precision(Box(-jnp.ones(4), jnp.ones(4)), jnp.float32)

    def train():
        run = fit(model, loss, box, _OPTIMISER, steps=steps, key=jr.key(seed), chunk=steps)
        return eqx.filter(run.model, eqx.is_array)

    train()
    return min(seconds(train) for _ in range(2)) / steps


_OPTIMISER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(5e-3))


def _torch_field(torch, x):
    (q, r), p = x[:, :2].T, x[:, 2:]
    return torch.cat([p, torch.stack([-q - 2 * q * r, -r - q**2 + r**2], 1)], 1)


def _torch_energy(x):
    return (x**2).sum(1) / 2 + x[:, 0] ** 2 * x[:, 1] - x[:, 1] ** 3 / 3


def speed_rows(settings: Settings) -> list[Row]:
    """One training step of Henon-Heiles, 3 layers of width 10, 700 fresh points, both terms."""
    torch = peers.torch()
    count = settings.scaled(10, fast=1)
    field = functools.partial(_torch_field, torch)
    peer = torch_sympflow(torch, field, _torch_energy, 4, 10, 3, 700, count)
    peer()
    ours, shared, theirs = [], [], []
    for seed in range(settings.scaled(ROUNDS, fast=1)):
        with settings.clock("training step against PyTorch"):
            ours.append(1e3 * _step_seconds(settings, False, seed))
            shared.append(1e3 * _step_seconds(settings, True, seed))
            theirs.append(1e3 * min(seconds(peer) for _ in range(2)) / count)
    faster = [b / a for a, b in zip(ours, theirs, strict=True)]
    return [
        Row("training step, independent points", ours, {"PyTorch": theirs}, "ms"),
        at_least("training step, times faster than PyTorch", faster, 35),
        Row("training step, matching along the flow", shared, unit="ms"),
        Row(
            "the same, times faster than PyTorch",
            [b / a for a, b in zip(shared, theirs, strict=True)],
        ),
    ]


def run(settings: Settings) -> Result:
    """All tasks; the training step first, before anything has warmed up the machine."""
    rows = speed_rows(settings)
    jax.clear_caches()
    rows += tasks.unsupervised_rows(settings)
    rows += tasks.supervised_rows(settings)
    rows += henon_heiles.rows(settings)
    notes = (
        *tasks.NOTES,
        *henon_heiles.NOTES,
        "PyTorch's step: vmap of jacrev for every block, jacfwd in time, as the published code",
    )
    return Result(rows, notes)
