"""Depth as a scan: time to the first gradient, and arithmetic per second in the steady state.

The network is 64 or more Euler steps of `-A^T tanh(A x + b)`, once scanned over stacked weights
(`FlowNetwork`), once as a loop over a list of layers under the same `jax.jit`.
"""

import statistics
import time
from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from dynnets.fields import NonExpansiveField
from dynnets.integrators import explicit_euler
from dynnets.networks import flow_network, layer_of

SHORT = 0.1
"""Step size of the layers: well inside their non-expansive bound of 2."""


def _network(depth: int, width: int, key):
    return flow_network(
        lambda k: NonExpansiveField(width, width, key=k), depth, explicit_euler, SHORT, key=key
    )


def _scanned(net, x):
    return jnp.sum(net(x) ** 2)


def _looped(fields, x):
    for field in fields:
        x = explicit_euler(field, 0.0, x, SHORT)
    return jnp.sum(x**2)


def gradients(depth: int, width: int, key) -> dict[str, tuple[Callable, object]]:
    """`{"scan": (gradient, weights), "list": (gradient, weights)}` of one random network."""
    net = _network(depth, width, key)
    fields = [layer_of(net.fields[0], i) for i in range(depth)]
    return {
        "scan": (eqx.filter_value_and_grad(_scanned), net),
        "list": (eqx.filter_value_and_grad(_looped), fields),
    }


def _compile_seconds(gradient, weights, x) -> float:
    """CPU seconds to trace and compile, in this process, with nothing cached."""
    jax.clear_caches()
    start = time.process_time()
    eqx.filter_jit(gradient).lower(weights, x).compile()
    return time.process_time() - start


def compile_times(
    depths: Sequence[int] = (16, 64, 256, 512),
    *,
    width: int = 64,
    batch: int = 64,
    repeats: int = 3,
    list_repeats: int = 1,
    key,
) -> dict[str, dict[int, float]]:
    """CPU seconds to the first value-and-gradient, `{"scan" or "list": {depth: seconds}}`.

    The least of `repeats` (`list_repeats` for the loop, which takes seconds each).
    """
    x = jr.normal(jr.fold_in(key, 1), (width, batch))
    found: dict[str, dict[int, float]] = {"scan": {}, "list": {}}
    for depth in depths:
        for kind, (gradient, weights) in gradients(depth, width, key).items():
            times = range(repeats if kind == "scan" else list_repeats)
            found[kind][depth] = min(_compile_seconds(gradient, weights, x) for _ in times)
    return found


def compile_ratios(times: dict[str, dict[int, float]]) -> dict[str, float]:
    """Growth of the scan from its first to its last depth, and list over scan at each depth."""
    scan, loop = times["scan"], times["list"]
    depths = sorted(scan)
    growth = {f"scan {depths[-1]} / scan {depths[0]}": scan[depths[-1]] / scan[depths[0]]}
    if 64 in scan:
        growth[f"scan {depths[-1]} / scan 64"] = scan[depths[-1]] / scan[64]
    return growth | {f"list / scan at {d}": loop[d] / scan[d] for d in depths}


@jax.jit
def _product(a, b):
    return a @ b


def _wall(call: Callable) -> float:
    start = time.perf_counter()
    jax.block_until_ready(call())
    return time.perf_counter() - start


def steady_state(
    *,
    depth: int = 64,
    width: int = 512,
    batch: int = 1024,
    peak_size: int = 2048,
    rounds: int = 8,
    kinds: Sequence[str] = ("scan", "list"),
    key,
) -> dict[str, float]:
    """FLOP/s of forward and backward over those of a square product, rounds interleaved.

    `12 depth batch width^2` operations a gradient (two products forward, four backward) against
    `2 peak_size^3`. Each is the best of `rounds`, in this process. **Returns** `peak` and, for
    each of `kinds`, FLOP/s, `<kind> / peak` and the median of the ratios of single rounds.
    """
    keys = jr.split(key, 3)
    x = jr.normal(keys[0], (width, batch))
    a, b = (jr.normal(k, (peak_size, peak_size)) for k in keys[1:])
    calls = {"peak": lambda: _product(a, b)}
    work = {"peak": 2 * peak_size**3}
    for kind, (gradient, weights) in gradients(depth, width, key).items():
        if kind in kinds:
            step = eqx.filter_jit(gradient)
            calls[kind] = lambda step=step, weights=weights: step(weights, x)
            work[kind] = 12 * depth * batch * width**2
    for call in calls.values():
        _wall(call)  # compiles
    seconds = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            seconds[name].append(_wall(call))
    rates = {name: work[name] / min(spent) for name, spent in seconds.items()}
    found = dict(rates)
    for kind in kinds:
        found[f"{kind} / peak"] = rates[kind] / rates["peak"]
        per_round = (
            work[kind] / s / (work["peak"] / p)
            for s, p in zip(seconds[kind], seconds["peak"], strict=True)
        )
        found[f"{kind} / peak, median"] = statistics.median(per_round)
    return found
