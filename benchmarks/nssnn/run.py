"""NSSNN: a Hamiltonian that does not separate, from pairs of states; coarse steps; vortices.

Tao's doubled step with one energy net, trained on both copies, against HNNs on differences and a
neural ODE on the same pairs, for H = (q^2 + 1)(p^2 + 1) / 2: pairs 0.01 apart (roll-outs of 0.01,
the others by RK4), pairs 0.1 apart in two steps of 0.05, and a law of vortices learned from pairs
that moves eight. Medians over the seeds, which train in one program.
"""

import jax

from benchmarks.harness import Result, Settings
from benchmarks.nssnn import tasks, vortices

NAME = "nssnn"
X64 = True  # rolled out in float64; every model is trained in float32
SEEDS = 3


def run(settings: Settings) -> Result:
    """All three tasks."""
    rows = []
    for job in (tasks.fine_rows, tasks.coarse_rows, vortices.rows):
        rows += job(settings)
        jax.clear_caches()
    return Result(rows, (*tasks.NOTES, *vortices.NOTES))
