"""HGN on films of a pendulum and a spring, beside a gated cell and a neural ODE of equal codec.

A disc of radius 0.3 in a window of 2.6 x 2.6, a picture every 0.125, 1024 films of 20 pictures to
train on, of which the encoder sees 5, and 64 unseen ones of 60 pictures. Every seed has films,
weights and batches of its own. All models have the codec, the optimiser and the number of updates
in common and are trained as one vmapped run over the seeds.

Twenty pictures are seven tenths of a period of the pendulum: films that are encoded at their first
pictures only never tie the states in which they end to the states in which others begin. So a
quarter of each batch is encoded at its last five pictures and rolled backwards; models that saw
first pictures only, as published, stand beside, and the gated cell, which has no way back.
"""

import dataclasses
import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr

from benchmarks.harness import Row, Settings, at_least, at_most, median
from benchmarks.harness.flows import adam, in_precision, train
from dynnets.data import render_discs, render_mass_spring
from dynnets.fields import GatedField
from dynnets.integrators import explicit_euler, explicit_midpoint
from dynnets.losses import FilmLoss
from dynnets.models import HGN, FieldModel, NeuralODE
from dynnets.nn import MLPCodec
from dynnets.systems import Harmonic, Pendulum
from dynnets.training import unstack

INTERVAL, SEEN, LENGTH, HORIZON = 0.125, 5, 20, 60
TRAIN, TEST, BATCH, RATE = 1024, 64, 32, 2e-3
SIZE, LATENT, BETA, THRESHOLD = 16, 2, 0.01, 0.025
HGN_NAME, FIXED, HGN_FIRST = "HGN", "HGN, T = |p|^2/2", "HGN, first pictures only"
NODE, NODE_FIRST = "neural ODE", "neural ODE, first pictures only"
GRU = "gated cell, first pictures only"
BOTH_ENDS = FilmLoss(BETA, anchors=(0, 0, 0, LENGTH - SEEN))
FIRST = FilmLoss(BETA)
LOSSES = {
    HGN_NAME: BOTH_ENDS,
    FIXED: BOTH_ENDS,
    HGN_FIRST: FIRST,
    NODE: BOTH_ENDS,
    NODE_FIRST: FIRST,
    GRU: FIRST,
}


def _pendulum_start(key):
    low, high = jnp.array([-2.0, -1.0]), jnp.array([2.0, 1.0])
    return jr.uniform(key, (2,), minval=low, maxval=high)


def _spring_start(key):
    size, phase = jr.uniform(key, (2,))
    angle = 2 * jnp.pi * phase
    return (0.1 + 0.9 * size) * jnp.stack([jnp.cos(angle), 2.0 * jnp.sin(angle)])


def _pendulum_pictures(q, size):
    return render_discs(jnp.stack([jnp.sin(q), -jnp.cos(q)], axis=-1)[..., None, :], size)


@dataclasses.dataclass(frozen=True)
class Task:
    """A system, its starts and pictures, updates, and the largest error of 20 pictures."""

    name: str
    system: Pendulum | Harmonic
    start: Callable
    draw: Callable
    steps: int
    bar: float


TASKS = (
    Task("pendulum", Pendulum(gravity=3.0), _pendulum_start, _pendulum_pictures, 20_000, 3e-4),
    Task("spring", Harmonic(stiffness=4.0), _spring_start, render_mass_spring, 10_000, 6e-4),
)


@functools.partial(jax.jit, static_argnums=(0, 2, 3, 4))
def films(task: Task, key, count: int, length: int, size: int):
    """`(films (count, length, 1, size, size), energies (count,))` in float32."""
    x0 = jax.vmap(task.start)(jr.split(key, count))
    xs = jax.vmap(task.system.solution, in_axes=(0, None))(INTERVAL * jnp.arange(length), x0.T)
    pictures = task.draw(jnp.asarray(xs[:, 0].T, jnp.float32), size)
    return pictures, jax.vmap(lambda x: task.system.energy(0.0, x))(x0)


def seed_keys(settings: Settings, salt: int):
    """One key a seed."""
    keys = jax.vmap(jr.key)(jnp.asarray(settings.seeds))
    return jax.vmap(lambda key: jr.fold_in(key, salt))(keys)


def make(kind: str) -> Callable:
    """`make(key)` of one model of the comparison."""

    def model(key):
        codec_key, key = jr.split(key)
        codec = MLPCodec((1, SIZE, SIZE), LATENT, SEEN, key=codec_key)
        dynamics = None
        if kind == GRU:
            cell = GatedField(2 * LATENT, 96, rate=1 / INTERVAL, key=key)
            dynamics = FieldModel(cell, explicit_euler)
        if kind in (NODE, NODE_FIRST):
            dynamics = NeuralODE(2 * LATENT, 64, 2, step=explicit_midpoint, key=key)
        kinetic = "fixed" if kind == FIXED else "learned"
        return HGN(codec, interval=INTERVAL, kinetic=kinetic, dynamics=dynamics, key=key)

    return model


@eqx.filter_jit
def score(model, pictures, energy):
    """Errors, valid time and, where there is an energy, what the latent flow keeps."""
    first = jnp.moveaxis(pictures, 0, -1)
    s0 = model.encode(first[:SEEN])
    decoded = model.film(s0, pictures.shape[1])
    squares = (decoded - first) ** 2
    relative = jnp.sum(squares, axis=(1, 2, 3)) / jnp.sum(first**2, axis=(1, 2, 3))
    good = jnp.cumprod(relative <= THRESHOLD, axis=0)
    found = {
        "seen": jnp.mean(squares[:LENGTH]),
        "all": jnp.mean(squares),
        "valid": jnp.median(jnp.sum(good, axis=0).astype(squares.dtype)),
    }
    if model.energy is None:
        return found
    states = model.states(s0, pictures.shape[1])
    back = model.states(states[-1], pictures.shape[1], speed=-1.0)
    fine = model.states(s0, 2 * pictures.shape[1] - 1, speed=0.5)[::2]
    found["correlation"] = jnp.abs(jnp.corrcoef(model.energy(0.0, s0), energy)[0, 1])
    found["back"] = jnp.abs(back[-1] - s0).max()
    found["halved"] = jnp.sqrt(jnp.mean((fine - states) ** 2) / jnp.mean(states**2))
    return found


def constant_error(pictures, unseen) -> float:
    """Mean squared error of the mean picture of the training films."""
    return float(jnp.mean((unseen - pictures.mean(axis=(0, 1))) ** 2))


def asked(settings: Settings, task: Task) -> dict:
    """What a kept part of the films was asked for."""
    losses = {kind: loss.anchors for kind, loss in LOSSES.items()}
    figures = str(settings.figures)
    return {"steps": task.steps, "rate": RATE, "beta": BETA, "anchors": losses, "figures": figures}


def run_task(settings: Settings, task: Task, index: int):
    """`(scores {kind: {measure: [one a seed]}}, models {kind: stack}, unseen films)`."""
    train_count, test_count = settings.scaled((TRAIN, TEST), fast=(BATCH, 8))
    steps = settings.scaled(task.steps, fast=3)
    known = stacked(settings, task, 2 * index, train_count, LENGTH)[0]
    unseen, energy = stacked(settings, task, 2 * index + 1, test_count, HORIZON)
    scores: dict = {
        "mean picture": {"all": [constant_error(*p) for p in zip(known, unseen, strict=True)]}
    }
    models = {}
    for kind, loss in LOSSES.items():
        models[kind], _ = train(
            settings, f"{task.name}, {kind}", make(kind), loss, known,
            adam(steps, RATE, RATE * 1e-3), steps, batch_size=BATCH, data_axis=0,
        )  # fmt: skip
        for i in range(len(settings.seeds)):
            found = score(unstack(models[kind], i), unseen[i], energy[i])
            for measure, value in found.items():
                scores.setdefault(kind, {}).setdefault(measure, []).append(float(value))
    return scores, models, unseen


def stacked(settings, task, salt, count, length, size=SIZE):
    """Films and energies of every seed, float32, on a leading axis."""
    parts = [films(task, key, count, length, size) for key in seed_keys(settings, salt)]
    return tuple(in_precision(jnp.stack(part), jnp.float32) for part in zip(*parts, strict=True))


def _others(scores, measure, *kinds) -> dict:
    return {kind: scores[kind][measure] for kind in kinds}


def rows(task: Task, scores: dict) -> list[Row]:
    """The rows of one system."""
    ours, name = scores[HGN_NAME], task.name
    rest = [kind for kind in LOSSES if kind != HGN_NAME]
    others = [scores[kind]["all"] for kind in (NODE, NODE_FIRST)]
    ratio = [a / min(b) for a, *b in zip(ours["all"], *others, strict=True)]
    return [
        at_most(
            f"{name}: pixel error, pictures 0-19",
            ours["seen"],
            task.bar,
            _others(scores, "seen", *rest),
        ),
        Row(
            f"{name}: pixel error, all 60 pictures",
            ours["all"],
            _others(scores, "all", *rest, "mean picture"),
            bar="<= either neural ODE's",
            holds=median(ours["all"]) <= min(map(median, others)),
        ),
        Row(f"{name}: the same over the better neural ODE's", ratio),
        Row(
            f"{name}: valid time, median film",
            ours["valid"],
            _others(scores, "valid", *rest),
            unit="pictures",
        ),
        at_least(
            f"{name}: |corr(H, E)| over 64 films",
            ours["correlation"],
            0.9,
            _others(scores, "correlation", FIXED, HGN_FIRST),
        ),
        at_most(
            f"{name}: latent error, there and back",
            ours["back"],
            5e-5,
            _others(scores, "back", FIXED, HGN_FIRST),
        ),
        at_most(
            f"{name}: latent change, step halved",
            ours["halved"],
            0.02,
            _others(scores, "halved", FIXED, HGN_FIRST),
        ),
    ]
