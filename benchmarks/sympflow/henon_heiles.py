"""Henon-Heiles for the SympFlow benchmark: solved from its equation where orbits are bounded."""

import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Row, Settings, at_most
from benchmarks.harness.flows import (
    adam,
    deviation,
    mean_error,
    orbits,
    parameters,
    plain_flow,
    solve,
    symplectic_flow,
    train,
    worst_deviation,
)
from dynnets.analysis import poincare_section, section_spread
from dynnets.losses import FlowResidual, StatePool
from dynnets.systems import HenonHeiles
from dynnets.training import unstack

SYSTEM = HenonHeiles()
STEPS, POINTS = 30_000, 700
OURS, MLP, RK45 = "SympFlow", "MLP", "RK45"
LIMIT = 1 / 6
C = 12**-0.5
STARTS = {
    "H = 1/12": np.array([0.0, 0.0, C, C]),
    "H = 0.128": np.array([0.3, -0.3, 0.3, 0.15]),
}
NOTES = (
    "Henon-Heiles: 3 layers of width 32 and the net of two layers of 80, both trained on a pool "
    "of 400000 states of the bounded region, loss with matching at the points of the residual",
)


def energy(x) -> np.ndarray:
    """`H` of states `(..., 4)`."""
    q, r = x[..., 0], x[..., 1]
    return (x**2).sum(axis=-1) / 2 + q**2 * r - r**3 / 3


def rates(x) -> np.ndarray:
    """The true field on a flat array of states `(4 N,)`, features first."""
    q, r, u, v = x.reshape(4, -1)
    return np.concatenate([u, v, -q - 2 * q * r, -r - q**2 + r**2])


def pool(count: int, seed: int) -> np.ndarray:
    """States uniform where `H < 1/6` inside the triangle, `(count, 4)`: orbits stay there."""
    draw = np.random.default_rng(seed)
    low = np.array([-(0.75**0.5), -0.5, -(3**-0.5), -(3**-0.5)])
    high = np.array([0.75**0.5, 1.0, 3**-0.5, 3**-0.5])
    kept, found = [], 0
    while found < count:
        x = draw.uniform(low, high, (4 * count, 4))
        inside = (np.abs(x[:, 0]) < (1 - x[:, 1]) / 3**0.5) & (x[:, 1] > -0.5)
        kept.append(x[inside & (energy(x) < LIMIT)])
        found += len(kept[-1])
    return np.concatenate(kept)[:count]


def train_all(settings: Settings) -> tuple[dict, dict]:
    """The SympFlow and the net, by name, and the last values of their losses."""
    steps = settings.scaled(STEPS, fast=2)
    data = StatePool(jnp.asarray(pool(settings.scaled(400_000, fast=100), 0)))
    jobs = {OURS: (symplectic_flow(4, 32, 3), 1.0), MLP: (plain_flow(4, 80), 0.0)}
    models, losses = {}, {}
    for name, (make, matching) in jobs.items():
        loss = FlowResidual(SYSTEM.field, POINTS, matching=matching, shared=True)
        models[name], losses[name] = train(
            settings, f"Henon-Heiles, {name}", make, loss, data, adam(steps, 1e-2, 2e-4), steps
        )
    return models, losses


def reference(x0, ts) -> np.ndarray:
    """DOP853 at 1e-11 from `x0 (4, N)`: `(n, 4, N)`."""
    path = solve(rates, x0.reshape(-1), ts, "DOP853", rtol=1e-11, atol=1e-11)
    return path.reshape(len(ts), *x0.shape)


def inside(path) -> np.ndarray:
    """Where an orbit `(n, 4, ...)` has been finite and near the region so far."""
    good = np.isfinite(path).all(axis=1) & (np.abs(path).max(axis=1) < 2)
    return np.cumprod(good, axis=0).astype(bool)


def error_rows(settings: Settings, states, x0) -> list[Row]:
    """Errors over random initial values, those near the edge left out: they may leave the region.

    `states`: by name, `(members, n, 4, N)` at quarters of the unit of time.
    """
    ts = np.arange(settings.scaled(101, fast=3), dtype=float)
    truth, middle = reference(x0, ts), energy(x0.T) < 0.16
    rows = []
    for t in (1, 10, 50, 100)[: settings.scaled(4, fast=1)]:
        found = {name: mean_error(s[:, 4 * t][..., middle], truth[t][:, middle])
                 for name, s in states.items()}  # fmt: skip
        rows.append(Row(f"Henon-Heiles: error at T = {t}", found[OURS], {MLP: found[MLP]}))
    left = {n: [100 * (1 - inside(path)[-1].mean()) for path in s] for n, s in states.items()}
    rows.append(Row("Henon-Heiles: orbits that left by T = 1000", left[OURS], {MLP: left[MLP]},
                    unit="%"))  # fmt: skip
    return rows


def rows(settings: Settings) -> list[Row]:
    """Training, errors, energies from two starts, the section."""
    models, losses = train_all(settings)
    count = len(settings.seeds)
    sizes = {name: parameters(unstack(model, 0)) for name, model in models.items()}
    ts = np.arange(settings.scaled(4001, fast=9)) / 4
    x0 = pool(settings.scaled(100, fast=4), 5).T
    columns = np.column_stack([*STARTS.values(), x0])
    far = {name: orbits(model, count, columns, ts) for name, model in models.items()}
    table = [
        Row("Henon-Heiles: parameters", sizes[OURS], {MLP: sizes[MLP]}),
        Row("Henon-Heiles: loss at the end", losses[OURS], {MLP: losses[MLP]}),
        *error_rows(settings, {name: s[..., 2:] for name, s in far.items()}, x0),
    ]
    for k, (name, start) in enumerate(STARTS.items()):
        worst = {n: worst_deviation(SYSTEM.energy, s[..., k]) for n, s in far.items()}
        bare = float(deviation(SYSTEM.energy, solve(rates, start, ts)).max())
        table.append(
            at_most(f"Henon-Heiles, {name}: energy deviation to T = 1000", worst[OURS], 0.005,
                    {MLP: worst[MLP], RK45: bare})
        )  # fmt: skip
    fine = np.arange(0, settings.scaled(1000, fast=30) + 1e-9, 0.1)
    columns = np.column_stack([*STARTS.values(), _section_starts()])
    near = {name: orbits(model, count, columns, fine) for name, model in models.items()}
    truth = reference(columns, fine)
    table.append(section_row(near, truth, fine))
    draw(settings, ts, {n: s[0] for n, s in far.items()}, fine, {n: s[0] for n, s in near.items()},
         truth)  # fmt: skip
    return table


def section(path, ts) -> np.ndarray:
    """`(y, p_y)` where the orbit `(n, 4)` passes `x = 0` upwards, as long as it is bounded."""
    last = int(inside(path).sum())
    found = poincare_section(SYSTEM.field, jnp.asarray(ts[:last]), jnp.asarray(path[:last]), 0)
    return np.asarray(found.xs)[:, [1, 3]]


def section_row(near, truth, ts) -> Row:
    """How thin the section of the orbit of H = 1/12 is."""

    def roughness(path):
        points = section(path, ts)
        return float(section_spread(points)) if len(points) > 4 else np.nan

    found = {name: [roughness(path[..., 0]) for path in s] for name, s in near.items()}
    ours = found.pop(OURS)
    found["truth"] = [roughness(truth[..., 0])]
    return Row("Henon-Heiles, H = 1/12: roughness of the section to T = 1000", ours, found)


def _section_starts() -> np.ndarray:
    """Six starts on `x = 0` with `H = 1/12`, `(4, 6)`."""
    y = np.array([-0.3, -0.15, 0.0, 0.1, 0.2, 0.3])
    v = np.array([0.0, 0.1, C, 0.0, 0.0, 0.0])
    u = np.sqrt(np.maximum(1 / 6 - v**2 - y**2 + 2 * y**3 / 3, 0))
    return np.stack([0 * y, y, u, v])


def draw(settings: Settings, far_ts, far, ts, near, truth) -> None:
    """Planes, coordinates and energies of the start `H = 0.128`, and the section."""
    if settings.figures is None:
        return
    from benchmarks.harness.orbits import plot_flow_orbits
    from dynnets.plotting import plot_error_growth, plot_windows

    start, short = STARTS["H = 0.128"], ts <= 100
    paths = {name: path[short][..., 1] for name, path in near.items()}
    paths[RK45] = solve(rates, start, ts[short])
    names = ("x", "y", "p_x", "p_y")
    levels = {"H of the start": float(energy(start)), "H = 1/6": LIMIT}
    for plane, label in (((0, 1), "plane"), ((1, 3), "momentum")):
        figure, _ = plot_flow_orbits(
            SYSTEM.energy, paths, segment=11, levels=levels, plane=plane, names=names
        )
        settings.save_figure(figure, f"henon-heiles-{label}")
    curves = {name: (ts[short], path) for name, path in paths.items()}
    windows = settings.scaled(((0, 10), (90, 100)), fast=((0, 1), (1, 2)))
    figure, _ = plot_windows((ts[short], truth[short][..., 1]), curves, windows, names=names)
    settings.save_figure(figure, "henon-heiles-coordinates")
    lost = {n: (far_ts, deviation(SYSTEM.energy, path[..., 1])) for n, path in far.items()}
    lost[RK45] = (far_ts, deviation(SYSTEM.energy, solve(rates, start, far_ts)))
    figure, _ = plot_error_growth(lost, time_name="time", error_name="relative energy error")
    settings.save_figure(figure, "henon-heiles-energy")
    draw_section(settings, ts, {"DOP853": truth, **near})


def draw_section(settings: Settings, ts, panels) -> None:
    """Six orbits of `H = 1/12`, by the reference and by both nets."""
    from dynnets.plotting import plot_section

    points = {
        name: [section(path[..., k], ts) for k in range(2, path.shape[2])]
        for name, path in panels.items()
    }
    y = np.linspace(-0.5, 0.6, 2001)
    square = 1 / 6 - y**2 + 2 * y**3 / 3
    y, edge = y[square >= 0], np.sqrt(square[square >= 0])
    boundary = np.stack([np.append(y, y[::-1]), np.append(edge, -edge[::-1])], axis=1)
    figure, _ = plot_section(points, names=("y", "p_y"), boundary=boundary)
    settings.save_figure(figure, "henon-heiles-section")
