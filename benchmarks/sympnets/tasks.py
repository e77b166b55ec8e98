"""Pendulum, double pendulum and steps of all lengths for the SympNet benchmark."""

import functools

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from benchmarks.harness import Row, Settings, at_most, median
from benchmarks.sympnets.training import (
    descend,
    maps,
    mean_square,
    members,
    orbit,
    pairs,
    polish,
    scores,
    train,
    train_hnn,
)
from dynnets.losses import FlowSamples
from dynnets.networks import SYMPNETS, sympnet_g, sympnet_la
from dynnets.systems import DoublePendulum, Pendulum

PENDULUM = Pendulum()
DOUBLE = DoublePendulum(gravity=1.0)
BOUND, SHORT, LONG, H = 1.5, 0.05, 0.2, 0.1
LA, G, HNN = "LA", "G", "HNN"
NOTES = (
    "nets: Adam 1e-2 under a cosine, full batch, then Levenberg-Marquardt (LM) on the same data",
    "the HNN: differences at midpoints, the same Adam steps, then LM; one implicit midpoint step",
    "the test set of the orbits continues the training orbit; random pairs are the other energies",
)


def _nets(settings: Settings, label: str, la, g, known) -> dict:
    """Maps by name, one a seed: LA and G after Adam and after LM.

    `la`, `g`: `(size, make, Adam steps, LM steps)`; G has more weights than residuals.
    """
    found, count = {}, len(settings.seeds)
    for name, (size, make, steps, last), dual in ((LA, la, False), (G, g, True)):
        both = train(settings, f"{label} {size}", make, known, steps, last, dual=dual)
        found |= {n: maps(m, count) for n, m in zip((name, f"{name} + LM"), both, strict=True)}
    return found


def _scored(settings: Settings, nets: dict, *data) -> dict:
    return {name: scores(settings, many, *data) for name, many in nets.items()}


def pendulum_rows(settings: Settings) -> list[Row]:
    """40 pairs of one orbit; 100 to test; 1000 steps of roll-out."""
    far = settings.scaled(1000, fast=120)
    states = orbit(PENDULUM, [1.0, 0.0], H, 40 + far)
    known, test, truth = pairs(states[:41]), pairs(states[40:141]), states[40:]
    la = ("LA(3,2)", functools.partial(sympnet_la, 2, 3, 2), 50_000, 300)
    g = ("G(5,30)", functools.partial(sympnet_g, 2, 5, 30), 20_000, 300)
    nets = _nets(settings, "pendulum", la, g, known)
    hnn = train_hnn(settings, "pendulum", 2, 30, 4, states[:41], H, 50_000)
    nets[HNN] = maps(hnn, len(settings.seeds), H)
    found = _scored(settings, nets, known, test, truth, PENDULUM.energy)
    wide = random_pairs(settings, jr.key(11), 1000, fixed=H)
    away = {name: [float(mean_square(net, wide)) for net in many] for name, many in nets.items()}
    draw(settings, "pendulum", PENDULUM.energy, truth, found)
    others = ("LA + LM", "G + LM", HNN)
    table = {
        key: {n: found[n][key] for n in others} for key in ("train", "test", "rollout", "energy")
    }
    return [
        Row("pendulum: train MSE", found["LA"]["train"], table["train"]),
        at_most("pendulum: test MSE, LA(3,2)", found["LA"]["test"], 1e-9, table["test"]),
        at_most("pendulum: error over 1000 steps, LA(3,2)", found["LA"]["rollout"], 2e-3,
                table["rollout"]),
        Row("pendulum: energy error over 1000 steps", found["LA"]["energy"], table["energy"]),
        at_most("pendulum: test MSE, G(5,30) + LM", found["G + LM"]["test"], 2e-7,
                {"G": found["G"]["test"]}),
        Row("pendulum: MSE on random pairs of other energies", away["LA"],
            {n: away[n] for n in others}),
    ]  # fmt: skip


def double_pendulum_rows(settings: Settings) -> list[Row]:
    """200 pairs of one orbit, `h = 0.75`, 100 to test."""
    h = 0.75
    start = [3 * np.pi / 7, 3 * np.pi / 8, 0.0, 0.0]
    states = orbit(DOUBLE, start, h, 300)
    known, test, truth = pairs(states[:201]), pairs(states[200:]), states[200:300]
    la = ("LA(8,5)", functools.partial(sympnet_la, 4, 8, 5), 50_000, 300)
    g = ("G(8,50)", functools.partial(sympnet_g, 4, 8, 50), 20_000, 150)
    nets = _nets(settings, "double pendulum", la, g, known)
    hnn = train_hnn(settings, "double pendulum", 4, 50, 4, states[:201], h, 20_000)
    nets[HNN] = maps(hnn, len(settings.seeds), h)
    found = _scored(settings, nets, known, test, truth, DOUBLE.energy)
    draw(settings, "double-pendulum", DOUBLE.energy, truth, found)
    best = min(("LA", "LA + LM", "G", "G + LM"), key=lambda n: median(found[n]["test"]))
    table = {
        key: {n: found[n][key] for n in found if n != best}
        for key in ("train", "test", "rollout", "energy")
    }
    ours = found[best]
    return [
        Row(f"double pendulum: train MSE, {best}", ours["train"], table["train"]),
        at_most(f"double pendulum: test MSE, best variant ({best})", ours["test"], 8e-6,
                table["test"]),
        at_most(f"double pendulum: error over 99 steps, {best}", ours["rollout"], 0.2,
                table["rollout"]),
        Row(f"double pendulum: energy error over 99 steps, {best}", ours["energy"],
            table["energy"]),
    ]  # fmt: skip


def random_pairs(settings: Settings, key, count: int, fixed: float | None = None) -> FlowSamples:
    """States of the box and where the pendulum takes them in a random, or one, step.

    With a `fixed` step that step is the unit of time, as for nets trained on an orbit.
    """
    count = settings.scaled(count, fast=20)
    state_key, step_key = jr.split(key)
    x0 = jr.uniform(state_key, (count, 2), minval=-BOUND, maxval=BOUND)
    h = jr.uniform(step_key, (count,), minval=SHORT, maxval=LONG)
    h = h if fixed is None else jnp.full(count, fixed)
    x = jax.vmap(PENDULUM.solution)(h, x0)
    return FlowSamples(h if fixed is None else jnp.ones(count), x0, x)


def rate_residual(net, batch):
    """The error of a step divided by its length."""
    return (net(batch.t, batch.x0.T) - batch.x.T) / batch.t[None]


def rate_matching(net, batch, *, key):
    """The mean square of `rate_residual`."""
    return jnp.mean(rate_residual(net, batch) ** 2)


# depth and width of each kind, of about as many parameters as bring it below 1e-6
SIZES = {
    "LA": (5, 3),
    "G": (6, 30),
    "H": (2, 20),
    "P": (16, (2, 5)),
    "R": (8, 10),
    "GR": (4, 20),
    "T": (6, 8),
}


def irregular_rows(settings: Settings) -> list[Row]:
    """400 pairs at random steps: every kind of net, then 1000 fresh pairs and steps."""
    count = len(settings.seeds)
    known = random_pairs(settings, jr.key(7), 400)
    test = random_pairs(settings, jr.key(8), 1000)
    steps = settings.scaled(10_000, fast=20)
    adam, both = {}, {}
    for kind, size in SIZES.items():
        label = f"random steps, {kind}"
        stack = members(settings, functools.partial(SYMPNETS[kind], 2, *size))
        stack = descend(settings, label, stack, rate_matching, known, steps)
        adam[kind] = [float(mean_square(net, test)) for net in maps(stack, count)]
        stack = polish(settings, label, stack, rate_residual, known, 200, False)
        both[kind] = [float(mean_square(net, test)) for net in maps(stack, count)]
    rest = [kind for kind in SIZES if kind != LA]
    return [
        at_most("random steps: test MSE, LA(5,3) + LM", both[LA], 5e-8,
                {kind: both[kind] for kind in rest}),
        Row("random steps: test MSE, Adam only", adam[LA], {kind: adam[kind] for kind in rest}),
    ]  # fmt: skip


def draw(settings: Settings, label: str, energy, truth, found) -> None:
    """Orbits of the first seed in the plane, and the growth of the errors of all seeds."""
    if settings.figures is None:
        return
    from benchmarks.harness.orbits import plot_flow_orbits
    from dynnets.plotting import plot_error_growth

    names = ("LA + LM", "G + LM", HNN)
    paths = {"truth": truth, **{name: found[name]["paths"][0] for name in names}}
    figure, _ = plot_flow_orbits(energy, paths, names=[f"x{i}" for i in range(truth.shape[1])])
    settings.save_figure(figure, f"{label}-orbits")
    steps = np.arange(len(truth))
    errors = {
        name: (
            steps,
            np.stack([np.linalg.norm(p - truth, axis=1) for p in found[name]["paths"]], 1),
        )
        for name in ("LA", *names)
    }
    figure, _ = plot_error_growth(errors, time_name="step", error_name="error of the state")
    settings.save_figure(figure, f"{label}-errors")
