"""The pairing table as measured, and a trained network's step sizes against its time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from matplotlib.figure import Figure

from benchmarks.harness import Settings
from dynnets.fields import SphereField
from dynnets.integrators import cayley_midpoint
from dynnets.networks import LearnedStepSize, flow_network


def table(cells):
    """Families and properties against steps: `E` for exact, else the measured order."""
    rows = list(dict.fromkeys((cell.family, cell.tag) for cell in cells))
    columns = list(dict.fromkeys(cell.step for cell in cells))
    figure = Figure(figsize=(1.0 * len(columns) + 3, 0.42 * len(rows) + 2.2), layout="constrained")
    axis = figure.subplots()
    shade = np.full((len(rows), len(columns)), np.nan)
    for cell in cells:
        i, j = rows.index((cell.family, cell.tag)), columns.index(cell.step)
        exact = cell.declared == "exact"
        order = float(np.median(cell.medians)) - 1
        shade[i, j] = 1.0 if exact else 0.0
        text = "E" if exact else f"{order:.2f}"
        axis.text(j, i, text, ha="center", va="center", color="black" if cell.typically else "red")
    axis.imshow(shade, cmap="Blues", vmin=-0.2, vmax=2.2, aspect="auto")
    axis.set_xticks(range(len(columns)), columns, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(len(rows)), [f"{f}: {t}" for f, t in rows], fontsize=8)
    axis.set_title(
        "E: exact (defect < 1e-12). A number r: the defect of a step measures as h^(r+1)",
        fontsize=9,
    )
    return figure


def step_sizes(settings: Settings):
    """`theta(t)` of a trained network of rotations: norms of its weights over its own time.

    Twelve layers of a sphere field learn the rotation by 2 rad about a tilted axis; the step
    sizes are learned too, drawn in true scale.
    """
    key, data = jr.split(jr.key(0))
    net = flow_network(
        lambda k: SphereField(3, 8, 1, key=k), 12, cayley_midpoint, LearnedStepSize(0.1), key=key
    )
    axis = jnp.array([1.0, 2.0, 2.0]) / 3
    cross = jnp.cross(jnp.eye(3), axis)
    turn = jax.scipy.linalg.expm(-2.0 * cross)
    xs = jr.normal(data, (256, 3))
    xs = xs / jnp.linalg.norm(xs, axis=1, keepdims=True)
    optimiser, steps = optax.adam(1e-2), settings.scaled(400, fast=3)

    def loss(net):
        return jnp.mean((jax.vmap(net)(xs) - xs @ turn.T) ** 2)

    @eqx.filter_jit
    def train(net):
        params, static = eqx.partition(net, eqx.is_inexact_array)

        def update(carry, _):
            params, state = carry
            slope = jax.grad(lambda p: loss(eqx.combine(p, static)))(params)
            change, state = optimiser.update(slope, state)
            return (optax.apply_updates(params, change), state), None

        start = (params, optimiser.init(params))
        (params, _), _ = jax.lax.scan(update, start, None, length=steps)
        return eqx.combine(params, static)

    net = train(net)
    return _draw_steps(net, float(loss(net)))


def _draw_steps(net, error: float):
    h = np.abs(np.asarray(net.sizes()[0]))
    ends = np.concatenate([[0.0], np.cumsum(h)])
    weights = [leaf for leaf in jax.tree.leaves(net.fields) if leaf.ndim == 3]
    figure = Figure(figsize=(8.0, 2.0 * len(weights) + 0.6), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(weights), 1, sharex=True))
    for number, (axis, weight) in enumerate(zip(axes, weights, strict=True)):
        norms = np.linalg.norm(np.asarray(weight), ord=2, axis=(1, 2))
        axis.stairs(norms, ends)
        axis.set_ylabel(f"norm of weight {number + 1}")
        for end in ends:
            axis.axvline(end, color="0.85", lw=0.8, zorder=0)
    axes[0].set_title(
        f"learned step sizes in true scale; mean square error {error:.1e}", fontsize=9
    )
    axes[-1].set_xlabel("time of the network, sum of |h|")
    return figure
