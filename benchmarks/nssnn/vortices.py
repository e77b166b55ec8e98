"""Vortices for the NSSNN benchmark: a law learned from pairs, then eight vortices at once."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Row, Settings, at_most, training
from benchmarks.harness.flows import in_precision, members
from dynnets.data import Trajectories
from dynnets.energies import AbstractPairLaw, DistanceLaw
from dynnets.fields import CirculationField
from dynnets.integrators import rk4, rollout
from dynnets.losses import CopyMatching
from dynnets.models import NSSNN
from dynnets.systems import random_vortices
from dynnets.training import stack_models

H, OMEGA, ORDER, SUBSTEPS = 0.05, 5.0, 4, 1
LOW, HIGH, BODIES, DRAWS, HORIZON = 0.5, 5.0, 8, 5, 20.0
NOTES = (
    "vortices: 1280 pairs of two, circulations of either sign; the law is a net 1-32-32-1 of the "
    "distance; then 8 vortices with positive circulations, 5 draws, the worst one counts",
)


class Logarithm(AbstractPairLaw):
    """`phi(r) = -log(r) / (2 pi)`: the truth."""

    def __call__(self, r):
        return -jnp.log(r) / (2 * jnp.pi)

    def slope(self, r):
        return -1 / (2 * jnp.pi * r)


def advance(places, strengths, h: float, substeps: int):
    """The truth after `h`, by many steps of RK4; `(4, N)` and `(2, N)`, or one state."""
    field = CirculationField(Logarithm())
    return rollout(rk4, field, places, (h, 1), strengths, substeps=substeps).xs[-1]


def pairs(settings: Settings, seed: int) -> Trajectories:
    """Two vortices at a distance uniform in `[0.5, 5]`, any direction, and 0.05 later."""
    count = settings.scaled(1280, fast=64)
    keys = jr.split(jr.key(200 + seed), 4)
    r = jr.uniform(keys[0], (count,), minval=LOW, maxval=HIGH)
    angle = jr.uniform(keys[1], (count,), maxval=2 * jnp.pi)
    sign = jnp.where(jr.bernoulli(keys[2], shape=(2, count)), 1.0, -1.0)
    strengths = sign * jr.uniform(keys[3], (2, count), minval=0.5, maxval=1.5)
    x, y = r * jnp.cos(angle) / 2, r * jnp.sin(angle) / 2
    first = jnp.stack([x, -x, y, -y])
    last = jax.jit(functools.partial(advance, h=H, substeps=20))(first, strengths)
    return Trajectories(
        jnp.broadcast_to(jnp.array([0.0, H]), (count, 2)),
        jnp.stack([first.T, last.T], axis=1),
        jnp.broadcast_to(strengths.T[:, None], (count, 2, 2)),
        None, jnp.full((count,), 2), ("x1", "x2", "y1", "y2"), ("G1", "G2"),
    )  # fmt: skip


def train(settings: Settings) -> list:
    """One model a seed, in float64."""
    steps, count = settings.scaled(6000, fast=3), len(settings.seeds)
    records = [pairs(settings, seed) for seed in settings.seeds]
    data = in_precision(jax.tree.map(lambda *a: jnp.stack(a), *records), jnp.float32)

    def make(key):
        field = CirculationField(DistanceLaw(LOW, HIGH, 32, 2, key=key))
        model = NSSNN(4, vector_field=field, omega=OMEGA, order=ORDER, substeps=SUBSTEPS, key=key)
        return in_precision(model, jnp.float32)

    models = stack_models(make, jax.vmap(jr.key)(jnp.asarray(settings.seeds)))
    optimiser = optax.adam(optax.cosine_decay_schedule(5e-3, steps))
    run = training.fit(
        settings, "vortices, training",
        models, CopyMatching(shared_times=True), data, optimiser, steps=steps, key=jr.key(1),
        batch_size=settings.scaled(256, fast=16), ensemble=count, data_axis=0, chunk=1000,
    )  # fmt: skip
    return members(run.model, count)


def draws(settings: Settings) -> list:
    """Eight vortices with positive circulations, at least 0.8 apart, by draw."""
    found = []
    for i in range(settings.scaled(DRAWS, fast=1)):
        first, second = jr.split(jr.key(300 + i))
        system = random_vortices(BODIES, key=first, separation=0.8)
        found.append((jnp.asarray(system.circulations), system.sample(second)))
    return found


def scores(model, strengths, start, ts) -> tuple[dict[str, float], np.ndarray]:
    """The worst errors along one forecast, and the forecast."""
    paths = model.predict(start, ts, strengths)
    energy = CirculationField(Logarithm()).energy_of(strengths)
    values = jax.vmap(lambda x: energy(0.0, x))(paths)
    x, y = jnp.split(start, 2)
    first, second = np.triu_indices(BODIES, 1)
    r = jnp.hypot(x[first] - x[second], y[first] - y[second])
    scale = jnp.sum(strengths[first] * strengths[second] * jnp.abs(Logarithm()(r)))
    z = paths.reshape(-1, 2, BODIES)
    impulse, turning = z @ strengths, jnp.sum(z**2, axis=1) @ strengths
    truth = reference(start, strengths, ts)
    away = jnp.linalg.norm((paths[-1] - truth[-1]).reshape(2, BODIES), axis=0)
    return {
        "energy": float(jnp.abs(values - values[0]).max() / scale),
        "impulse": float(jnp.abs(impulse - impulse[0]).max()),
        "turning": float(jnp.abs(turning - turning[0]).max()),
        "places": float(away.max()),
    }, np.asarray(paths)


@jax.jit
def reference(start, strengths, ts):
    """The truth at `ts`: 20 steps of RK4 between two times."""
    return rollout(rk4, CirculationField(Logarithm()), start, ts, strengths, substeps=20).xs


def rows(settings: Settings) -> list[Row]:
    """Each number is the worst over the draws, one a seed."""
    models = train(settings)
    ts = jnp.arange(round(settings.scaled(HORIZON, fast=0.5) / H) + 1) * H
    worst: dict[str, list[float]] = {}
    for seed, model in enumerate(models):
        found = []
        for i, (strengths, start) in enumerate(draws(settings)):
            score, paths = scores(model, strengths, start, ts)
            found.append(score)
            if seed == i == 0:
                draw(settings, paths, np.asarray(reference(start, strengths, ts)), np.asarray(ts))
        for name in found[0]:
            worst.setdefault(name, []).append(max(score[name] for score in found))
    return [
        at_most("8 vortices: energy error / sum |G G phi|, T = 20", worst["energy"], 2e-3),
        at_most("8 vortices: change of the impulse", worst["impulse"], 1e-12),
        at_most("8 vortices: change of the angular impulse", worst["turning"], 1e-6),
        Row("8 vortices: error of the worst place at T = 20", worst["places"]),
    ]


def draw(settings: Settings, paths, truth, ts) -> None:
    """Eight vortices at four times, the way there behind them."""
    if settings.figures is None:
        return
    from dynnets.plotting import plot_orbits

    places, true = (np.moveaxis(p.reshape(len(p), 2, BODIES), 1, 2) for p in (paths, truth))
    for quarter in (1, 2, 3, 4):
        end = quarter * (len(ts) - 1) // 4 + 1
        figure, _ = plot_orbits(true[:end], {"NSSNN": places[:end]}, record_name="truth")
        settings.save_figure(figure, f"vortices-{quarter}")
