"""A million Henon-Heiles orbits at once: cache-sized blocks against the whole array, float32.

2^20 orbits, Verlet, seconds per 1000 steps. Every round times all ways after each other in one
process: `naive` is `vmap` of `jax.grad` of the energy, orbits in rows; `one by one` scans the
closed-form step over the features-first array; `whole` is `rollout` of the array, in which the
half kicks of neighbouring steps are one; `blocks` is `rollout_blocks`, the same loop on blocks
that stay in the cache, half of the orbits on each of two CPU devices. The slow ways run fewer
steps; all cost the same per step.
"""

import functools

import jax

jax.config.update("jax_num_cpu_devices", 2)  # before anything asks for a device

import jax.numpy as jnp  # noqa: E402
import jax.random as jr  # noqa: E402
import numpy as np  # noqa: E402

from benchmarks.harness import Result, Row, Settings, at_least, at_most  # noqa: E402
from benchmarks.harness.roofline import seconds  # noqa: E402
from dynnets.integrators import rollout, rollout_blocks, verlet_kdk  # noqa: E402
from dynnets.systems import HenonHeiles  # noqa: E402

NAME = "batches"
SEEDS = 5

H = 0.01
STEP_FLOPS = 18
"""Additions and multiplications per orbit and step: 10 for the force, 4 each to kick and drift."""
CHAINS, LENGTH = 8, 8


def _naive(x0, steps: int):
    """What anyone writes first: the energy, its gradient, one orbit, `vmap`."""

    def energy(x):
        q, p = x[:2], x[2:]
        return jnp.sum(x**2) / 2 + q[0] ** 2 * q[1] - q[1] ** 3 / 3 + 0 * p[0]

    def step(x):
        force = lambda x: -jax.grad(energy)(x)[:2]  # noqa: E731
        velocity = lambda x: jax.grad(energy)(x)[2:]  # noqa: E731
        x = x.at[2:].add(H / 2 * force(x))
        x = x.at[:2].add(H * velocity(x))
        return x.at[2:].add(H / 2 * force(x))

    return jax.lax.fori_loop(0, steps, lambda _, x: jax.vmap(step)(x), x0.T).T


def _one_by_one(x0, steps: int):
    field = HenonHeiles().field
    return jax.lax.fori_loop(0, steps, lambda _, x: verlet_kdk(field, 0.0, x, H), x0)


def _whole(x0, steps: int):
    field = HenonHeiles().field
    return rollout(verlet_kdk, field, x0, (H * steps, 1), substeps=steps).xs[-1]


def _blocks(x0, steps: int):
    field = HenonHeiles().field
    return rollout_blocks(verlet_kdk, field, x0, (H * steps, 1), substeps=steps).xs[-1]


def _sharded(mesh):
    columns = jax.P(None, "cores")

    def run(x0, steps: int):
        local = functools.partial(_blocks, steps=steps)
        split = jax.shard_map(
            local, mesh=mesh, in_specs=columns, out_specs=columns, check_vma=False
        )
        return split(x0)

    return run, jax.sharding.NamedSharding(mesh, columns)


@functools.partial(jax.jit, static_argnums=1)
def _polynomials(x, times: int):
    """Independent polynomials in nested form, again and again: one alone would wait for itself."""

    def one(y):
        chains = [y + i for i in range(CHAINS)]
        for _ in range(LENGTH):
            chains = [c * x + y for c in chains]
        return sum(chains[1:], chains[0]) / CHAINS

    return jax.lax.fori_loop(0, times, lambda _, y: one(y), x)


def _arithmetic(mesh, times: int = 2000) -> float:
    """Multiplications and additions per second of long elementwise chains, on both devices."""
    shards = jax.sharding.NamedSharding(mesh, jax.P(None, "cores"))
    x = jax.device_put(jnp.full((4, 2 * 2048), 0.5), shards)
    jax.block_until_ready(_polynomials(x, times))
    return 2 * CHAINS * (LENGTH + 1) * x.size * times / seconds(lambda: _polynomials(x, times), 3)


def _sample(size: int, seed: int):
    return jax.vmap(HenonHeiles().sample, out_axes=-1)(jr.split(jr.key(seed), size))


def run(settings: Settings) -> Result:
    """Time all ways in every round; the bars are ratios within a round."""
    size, steps = settings.scaled((2**20, 1000), fast=(2**10, 20))
    few = settings.scaled(50, fast=5)
    mesh = jax.make_mesh((2,), ("cores",))
    sharded, shards = _sharded(mesh)
    ways = {
        "blocks": (sharded, steps),
        "blocks, one device": (_blocks, steps),
        "whole": (_whole, steps),
        "one by one": (_one_by_one, few),
        "naive": (_naive, few),
    }
    compiled, spent, peak, ends = {}, {name: [] for name in ways}, [], {}
    for seed in settings.seeds:
        x0 = jax.jit(_sample, static_argnums=0)(size, seed)
        for name, (way, count) in ways.items():
            x = jax.device_put(x0, shards) if name == "blocks" else x0
            if name not in compiled:
                compiled[name] = jax.jit(way, static_argnums=1).lower(x, count).compile()
                ends[name] = np.asarray(compiled[name](x))
            with settings.clock(name):
                call = functools.partial(compiled[name], x)
                spent[name].append(1000 / count * seconds(call, 2))
        peak.append(_arithmetic(mesh))
    return Result(_rows(size, spent, ends, peak), _NOTES)


_NOTES = (
    f"the fraction: {STEP_FLOPS} operations per step against the rate of long elementwise chains "
    "of multiplications and additions in the caches of both cores, not of matrix products",
)


def _rows(size: int, spent: dict, ends: dict, peak: list[float]) -> list[Row]:
    ours = spent["blocks"]
    others = {name: values for name, values in spent.items() if name != "blocks"}
    times = {
        name: [b / a for a, b in zip(ours, values, strict=True)] for name, values in others.items()
    }
    used = [STEP_FLOPS * size * 1000 / s / p for s, p in zip(ours, peak, strict=True)]
    apart = float(np.max(np.abs(ends["blocks"] - ends["whole"])))
    return [
        Row(f"{size:,} orbits, 1000 Verlet steps", ours, others, "s"),
        at_least("times faster than vmap of jax.grad", times["naive"], 25.0),
        Row("times faster than the closed-form step one by one", times["one by one"]),
        at_least("times faster than the whole array", times["whole"], 3.0),
        Row("steps of one orbit per second", [size * 1000 / s / 1e9 for s in ours], unit="10^9/s"),
        Row("fraction of the elementwise arithmetic peak", used),
        at_most("largest difference from the whole array", apart, 1e-5),
    ]
