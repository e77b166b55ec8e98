"""Removing the bias of noisy inputs: trajectories with free initial states after the plain fit.

Noise in the inputs of a regression makes the learned spring turn too slowly (by v/(v + s^2), the
variances of signal and noise), which no energy measure sees. Fitting whole trajectories, their
initial states free, does not have this bias.
"""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import optax

from benchmarks.harness import Row, Settings, at_most
from benchmarks.hnn import tasks
from dynnets.data import Trajectories
from dynnets.integrators import RungeKutta, rollout
from dynnets.losses import TrajectoryMatching
from dynnets.training import FreeInitialStates, fit

RADII = (0.3, 0.5, 0.7, 0.9)
STEP = RungeKutta(diffrax.Bosh3())  # 0.2 rad a sample: 7e-5 of error a step, half the cost
STEPS, OPTIMISER = 500, optax.adam(1e-3)
HORIZON = 20.0


def _trials(task, known) -> Trajectories:
    """The training samples as the trajectories they were, in float32."""
    shape = (-1, task.times)
    ts, xs = known.t.reshape(shape), known.x.reshape(*shape, task.system.dim)
    lengths = jnp.full(ts.shape[0], task.times)
    return Trajectories(ts, xs, None, None, lengths, ("q", "p"), phase="momenta")


def denoise(task, model, known, steps: int, key):
    """The model after `steps` updates on trajectories with free initial states."""
    trials = _trials(task, known)
    free = FreeInitialStates(model, trials.xs[:, 0])
    loss = TrajectoryMatching(STEP, shared_times=True)
    return fit(free, loss, trials, OPTIMISER, steps=steps, key=key, chunk=100).model.model


@eqx.filter_jit
def _measure(field, system):
    """Time scale, state RMSE and energy error from the circles of `RADII`."""
    radii = jnp.asarray(RADII)
    x0 = jnp.stack([radii, 0 * radii])
    angles = 2 * jnp.pi * jnp.arange(64) / 64
    ring = jnp.stack([jnp.cos(angles), jnp.sin(angles)])  # (2, 64)
    tangent = jnp.stack([ring[1], -ring[0]])
    speeds = jax.vmap(lambda r: jnp.mean(jnp.sum(field(0.0, r * ring) * tangent, axis=0)))(radii)
    xs = rollout(tasks.STEP, field, x0, (HORIZON / 100, 100), substeps=10)
    truth = jax.vmap(system.solution, in_axes=(0, None))(xs.ts, x0)
    energies = jax.vmap(lambda x: system.energy(0.0, x))(xs.xs)
    return {
        "scale": jnp.mean(speeds / (2 * radii)),
        "rmse": jnp.sqrt(jnp.mean((xs.xs - truth) ** 2)),
        "energy": jnp.mean((energies - energies[0]) ** 2),
    }


def rows(settings: Settings, trained: list) -> list[Row]:
    """Before and after, on the springs that were trained already."""
    task = tasks.shrunk(tasks.TASKS["spring"]) if settings.fast else tasks.TASKS["spring"]
    before, after = [], []
    for seed, (model, _, known) in enumerate(trained):
        with settings.clock("spring, denoising"):
            better = denoise(task, model, known, settings.scaled(STEPS, fast=2), jr.key(seed))
        for found, which in ((before, model), (after, better)):
            field = tasks.in_precision(which, jnp.float64).field
            found.append({k: float(v) for k, v in _measure(field, task.system).items()})
    off = [[abs(found["scale"] - 1) for found in part] for part in (after, before)]
    pick = lambda part, name: [found[name] for found in part]  # noqa: E731
    plain = "plain HNN"
    return [
        at_most("spring, denoised: |time scale - 1|", off[0], 0.015, {plain: off[1]}),
        at_most(
            "spring, denoised: state RMSE, T = 20",
            pick(after, "rmse"),
            0.15,
            {plain: pick(before, "rmse")},
        ),
        at_most(
            "spring, denoised: energy error, T = 20",
            pick(after, "energy"),
            5e-4,
            {plain: pick(before, "energy")},
        ),
    ]
