"""Three bodies for the SympNet benchmark: a net of one step against an HNN."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.harness import Row, Settings, median
from benchmarks.sympnets.training import descend, maps, members, squares
from dynnets.data import Trajectories, midpoint_derivatives, simulate, windows
from dynnets.losses import FlowSamples, derivative_matching, flow_matching
from dynnets.models import HNN
from dynnets.networks import sympnet_la
from dynnets.systems import ThreeBody

H, STEPS, BATCH = 0.5, 3000, 500
NOTES = (
    "three bodies: 400 trajectories of 10 steps of 0.5; the faster of the two also trained for as "
    "long as the slower one took, the cosine stretched to its number of steps; errors are means "
    "over the unseen pairs at which the HNN's implicit step of 0.5 has a solution",
)


def _pairs(trajectories: Trajectories) -> FlowSamples:
    two = windows(trajectories, 2).xs
    return FlowSamples(jnp.ones(two.shape[0]), two[:, 0], two[:, 1])


def _where_both_answer(table: dict) -> dict:
    """Means over the pairs with an HNN's step, by name, one a seed."""
    answered = [np.isfinite(found) for found in table["HNN"]]
    return {
        name: [float(found[a].mean()) for found, a in zip(many, answered, strict=True)]
        for name, many in table.items()
    }


def rows(settings: Settings) -> list[Row]:
    """One-step test errors after equal numbers of steps, and after equal time.

    Both nets are scored where the HNN's step answers at all, which can but flatter the HNN.
    """
    known, test = settings.scaled((400, 100), fast=(4, 2))
    everything = simulate(ThreeBody(), jr.key(3), known + test, H * jnp.arange(11.0))
    train, held = (everything.select(list(r)) for r in (range(known), range(known, known + test)))
    steps, batch = settings.scaled(STEPS, fast=4), settings.scaled(BATCH, fast=8)
    jobs = {
        "LA": (functools.partial(sympnet_la, 12, 20, 4), flow_matching, _pairs(train), None),
        "HNN": (lambda key: HNN(12, 50, 6, key=key), derivative_matching,
                midpoint_derivatives(train), H),
    }  # fmt: skip
    pairs = _pairs(held)

    def error(name, steps):
        make, loss, data, h = jobs[name]
        label = f"three bodies, {name}, {steps} steps"
        models = descend(settings, label, members(settings, make), loss, data, steps,
                         batch_size=batch)  # fmt: skip
        jax.block_until_ready(jax.tree.leaves(models)[0])
        nets = maps(models, len(settings.seeds), h)
        found = [np.asarray(squares(net, pairs)) for net in nets]
        return found, settings.clocks[f"{label}, Adam"]

    equal, seconds = {}, {}
    for name in jobs:
        equal[name], seconds[name] = error(name, steps)
    fast, slow = sorted(jobs, key=lambda name: seconds[name])
    more = max(steps, int(steps * seconds[slow] / seconds[fast]))
    timed = {slow: equal[slow], fast: error(fast, more)[0]}
    silent = [int((~np.isfinite(found)).sum()) for found in equal["HNN"]]
    equal, timed = _where_both_answer(equal), _where_both_answer(timed)
    return [
        Row(f"three bodies: test MSE, {steps} steps", equal["LA"], {"HNN": equal["HNN"]},
            bar="< HNN", holds=median(equal["LA"]) < median(equal["HNN"])),
        Row(f"three bodies: test MSE, equal time ({fast} {more} steps)", timed["LA"],
            {"HNN": timed["HNN"]}, bar="< HNN", holds=median(timed["LA"]) < median(timed["HNN"])),
        Row("three bodies: unseen pairs without a step of the HNN", (), {"HNN": silent}),
        Row("three bodies: training", seconds["LA"], {"HNN": seconds["HNN"]}, "s"),
    ]  # fmt: skip
