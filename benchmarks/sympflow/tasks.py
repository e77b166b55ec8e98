"""The harmonic oscillator for the SympFlow benchmark: from its equation, and from segments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax

from benchmarks.harness import Row, Settings, at_most, median
from benchmarks.harness.flows import (
    adam,
    deviation,
    mean_error,
    members,
    orbits,
    parameters,
    plain_flow,
    solve,
    symplectic_flow,
    train,
    worst_deviation,
)
from dynnets.losses import Box, FlowResidual, FlowSamples, flow_matching
from dynnets.systems import Harmonic
from dynnets.training import unstack

SYSTEM = Harmonic()
BOUND, POINTS, STEPS, PEAK = 1.2, 700, 5000, 2e-2
MATCHED, BARE, MLP, RK45 = "SympFlow, matching", "SympFlow", "MLP", "RK45"
START = np.array([1.0, 0.0])
FAR = np.arange(1001.0)
NOTES = (
    "oscillator: SympFlow of 4 layers, width 10; the net x0 + tanh(t) NN has two layers of 30",
    "the error at T = 100 does not tell the two apart, the energy does",
    "from segments: 5 layers of width 10 against two layers of 36; noise on the segments only",
)


def initial_values(settings: Settings, low, high, dim: int) -> np.ndarray:
    """Initial values uniform in a box, `(dim, N)`."""
    count = settings.scaled(100, fast=3)
    return np.random.default_rng(5).uniform(low, high, (count, dim)).T


def exact(t: float, x0) -> np.ndarray:
    """The rotation of `x0 (2, N)` by `t`."""
    return np.asarray(SYSTEM.solution(t, jnp.asarray(x0)))


def scores(settings: Settings, models) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Mean error of each member at some times, and its orbit from `(1, 0)` to T = 1000."""
    x0 = initial_values(settings, -BOUND, BOUND, 2)
    ts = FAR[: settings.scaled(1001, fast=102)]
    states = orbits(models, len(settings.seeds), np.column_stack([START, x0]), ts)
    times = (1, 10, 100)
    return {t: mean_error(states[:, t, :, 1:], exact(t, x0)) for t in times}, states[..., 0]


def train_all(settings: Settings) -> tuple[dict, dict]:
    """The two SympFlows and the net, by name, and the last values of their losses."""
    steps = settings.scaled(STEPS, fast=2)
    box = Box(-BOUND * jnp.ones(2), BOUND * jnp.ones(2))
    jobs = {
        MATCHED: (symplectic_flow(2, 10, 4), 1.0, PEAK / 2),
        BARE: (symplectic_flow(2, 10, 4), 0.0, PEAK),
        MLP: (plain_flow(2, 30), 0.0, PEAK / 2),
    }
    models, losses = {}, {}
    for name, (make, matching, peak) in jobs.items():
        loss = FlowResidual(SYSTEM.field, POINTS, matching=matching)
        models[name], losses[name] = train(
            settings, f"oscillator, {name}", make, loss, box, adam(steps, peak, peak / 10), steps
        )
    return models, losses


def runge_kutta(ts) -> np.ndarray:
    """RK45 from `(1, 0)` at SciPy's default tolerances."""
    return solve(lambda x: np.array([x[1], -x[0]]), START, ts)


def unsupervised_rows(settings: Settings) -> list[Row]:
    """From the equation, with and without matching."""
    models, losses = train_all(settings)
    scored = {name: scores(settings, model) for name, model in models.items()}
    error = {name: found for name, (found, _) in scored.items()}
    paths = {name: found for name, (_, found) in scored.items()}
    energy = {name: worst_deviation(SYSTEM.energy, path) for name, path in paths.items()}
    ts = FAR[: paths[MLP].shape[1]]
    energy[RK45] = float(deviation(SYSTEM.energy, runge_kutta(ts)).max())
    best = min((MATCHED, BARE), key=lambda name: median(energy[name]))
    other = {n: energy[n] for n in (MATCHED, BARE) if n != best}
    rows = [
        Row("oscillator: parameters", parameters(unstack(models[BARE], 0)),
            {MLP: parameters(unstack(models[MLP], 0))}),
        Row("oscillator: loss at the end", losses[BARE],
            {MATCHED: losses[MATCHED], MLP: losses[MLP]}),
    ]  # fmt: skip
    for t in (1, 10):
        table = {name: error[name][t] for name in (MATCHED, MLP)}
        rows.append(Row(f"oscillator: error at T = {t}", error[BARE][t], table))
    ours = min((error[BARE][100], error[MATCHED][100]), key=median)
    table = {name: error[name][100] for name in (MATCHED, MLP)}
    rows += [
        at_most("oscillator: error at T = 100, better of the two losses", ours, 0.08, table),
        at_most("oscillator: energy deviation to T = 1000, better of the two losses",
                energy[best], 0.005, {**other, MLP: energy[MLP], RK45: energy[RK45]}),
        at_most("oscillator: energy deviation / the MLP's",
                median(energy[best]) / median(energy[MLP]), 1 / 20),
        *_structure_rows(settings, models),
    ]  # fmt: skip
    draw(settings, "oscillator", models, paths)
    return rows


def _structure_rows(settings: Settings, models) -> list[Row]:
    """The symplectic form and the group law, measured."""
    x = jnp.asarray(initial_values(settings, -BOUND, BOUND, 2))
    times = (0.37, 0.5)

    @eqx.filter_jit
    def one(model):
        form = jnp.array([[0.0, 1.0], [-1.0, 0.0]], x.dtype)
        slopes = jax.vmap(lambda x: jax.jacfwd(lambda x: model(1.0, x))(x), in_axes=1)(x)
        defect = jnp.abs(jnp.swapaxes(slopes, 1, 2) @ form @ slopes - form[None]).max()
        first, second = times
        twice = model(second, model(first, x))
        return defect, jnp.linalg.norm(twice - model(first + second, x), axis=0).mean()

    found = {
        name: [one(model) for model in members(models[name], len(settings.seeds))]
        for name in (BARE, MLP)
    }
    defects = {name: [float(a) for a, _ in pairs] for name, pairs in found.items()}
    groups = {name: [float(b) for _, b in pairs] for name, pairs in found.items()}
    return [
        at_most("oscillator: symplecticity defect at t = 1", defects[BARE], 1e-12,
                {MLP: defects[MLP]}),
        Row("oscillator: group-law defect, t = 0.37 + 0.5", groups[BARE], {MLP: groups[MLP]}),
    ]  # fmt: skip


def segments(settings: Settings, noise: float) -> FlowSamples:
    """100 initial values with 50 uniform times each; normal noise on what is seen."""
    trials, times = settings.scaled((100, 50), fast=(4, 3))
    start_key, time_key, noise_key = jr.split(jr.key(7), 3)
    x0 = jr.uniform(start_key, (2, trials), minval=-BOUND, maxval=BOUND)
    x0 = jnp.repeat(x0, times, axis=1)
    t = jr.uniform(time_key, (trials * times,))
    x = jax.vmap(SYSTEM.solution, in_axes=(0, 1))(t, x0)
    return FlowSamples(t, x0.T, x + noise * jr.normal(noise_key, x.shape))


def supervised_rows(settings: Settings) -> list[Row]:
    """From segments, with and without noise."""
    steps = settings.scaled(STEPS, fast=2)
    # from 1e-4 up to 5e-2 over 30 % of the steps, then down
    optimiser = optax.adam(optax.cosine_onecycle_schedule(steps, 5e-2, 0.3, 500.0, 1e4))
    makes = {BARE: symplectic_flow(2, 10, 5), MLP: plain_flow(2, 36)}
    rows = []
    for noise in (0.0, 0.02):
        data = segments(settings, noise)
        batch = settings.scaled(512, fast=2)
        label = f"segments, noise {noise:g}"
        models = {
            name: train(settings, f"{label}, {name}", make, flow_matching, data, optimiser,
                        steps, batch_size=batch)[0]
            for name, make in makes.items()
        }  # fmt: skip
        scored = {name: scores(settings, model) for name, model in models.items()}
        error = {name: found[100] for name, (found, _) in scored.items()}
        energy = {n: worst_deviation(SYSTEM.energy, paths) for n, (_, paths) in scored.items()}
        rows += [
            Row(f"{label}: error at T = 100", error[BARE], {MLP: error[MLP]}),
            at_most(f"{label}: error / the MLP's", median(error[BARE]) / median(error[MLP]), 0.5),
            at_most(f"{label}: energy deviation to T = 1000", energy[BARE], 0.02,
                    {MLP: energy[MLP]}),
            at_most(f"{label}: energy deviation / the MLP's",
                    median(energy[BARE]) / median(energy[MLP]), 1 / 20),
        ]  # fmt: skip
        if noise:
            paths = {name: found for name, (_, found) in scored.items()}
            draw(settings, "segments", models, paths)
    return rows


def draw(settings: Settings, label: str, models, far_paths) -> None:
    """Phase plane, coordinates in two windows, energies: the first seed."""
    if settings.figures is None:
        return
    from benchmarks.harness.orbits import plot_flow_orbits
    from dynnets.plotting import plot_error_growth, plot_windows

    ts = np.arange(0, settings.scaled(100, fast=2) + 1e-9, 0.05)
    names = [name for name in (MATCHED, BARE, MLP) if name in models]
    paths = {name: orbits(models[name], 1, START, ts)[0] for name in names}
    paths[RK45] = runge_kutta(ts)
    truth = np.stack([exact(t, START[:, None])[:, 0] for t in ts])
    figure, _ = plot_flow_orbits(SYSTEM.energy, paths, segment=21, names=("q", "p"))
    settings.save_figure(figure, f"{label}-phase")
    curves = {name: (ts, path) for name, path in paths.items()}
    windows = settings.scaled(((0, 10), (90, 100)), fast=((0, 1), (1, 2)))
    settings.save_figure(
        plot_windows((ts, truth), curves, windows, names=("q", "p"))[0], f"{label}-coordinates"
    )
    far = FAR[: far_paths[names[0]].shape[1]]
    lost = {name: (far, deviation(SYSTEM.energy, far_paths[name][0])) for name in names}
    lost[RK45] = (far, deviation(SYSTEM.energy, runge_kutta(far)))
    figure, _ = plot_error_growth(lost, time_name="time", error_name="relative energy error")
    settings.save_figure(figure, f"{label}-energy")
