"""Sparse symplectic learning (SSINN): four energies found as formulas from pairs of states.

Henon-Heiles from random pairs 0.1 apart with noise on both ends, 30 coefficients of which 6 are
there, at three noise levels; the coupled oscillator (5 of 30), a chain of five masses (15 of 100)
and a pendulum (`a sin(w q + c)` with inner weights to learn) from one orbit each. The fit is
Gauss-Newton through three steps of Forest and Ruth's method per pair, then backward elimination
by |coefficient| / error, cut at 4, and refit; the error of a coefficient is its standard error
and what halving the step moves it.

Beside it: Adam with an L1 penalty as published, and sequentially thresholded least squares on
finite differences, of the pairs' midpoints and forward.
"""

import time

import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Result, Row, Settings, at_least, at_most
from benchmarks.ssinn import figures, peers, tasks
from dynnets.structure import symplecticity_defect
from dynnets.training import fit_sparse

NAME = "ssinn"
X64 = True
SEEDS = 5

OURS, ADAM = "SSINN", "Adam + L1"
MIDPOINT, FORWARD = "midpoint differences", "forward differences"
CASES = ((200, 0.0, 1e-6), (1000, 1e-3, 2.5e-3), (5000, 5e-3, 6e-3))
SWEEP = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
LATE = 50.0


def _recovery(settings: Settings, count: int, noise: float, bar: float) -> tuple[list[Row], dict]:
    """One noise level of Henon-Heiles, all seeds and methods."""
    count = settings.scaled(count, fast=min(count, 300))
    task = tasks.henon_heiles()
    data = [tasks.henon_heiles_pairs(seed, count, noise) for seed in settings.seeds]
    label = f"{count} pairs, noise {noise:g}"
    with settings.clock(f"Henon-Heiles, {label}: SSINN"):
        ours = [tasks.score(task, fit_sparse(task.model(), d)) for d in data]
    with settings.clock(f"Henon-Heiles, {label}: differences"):
        middle = [tasks.score(task, peers.regress(task, d)) for d in data]
        ahead = [tasks.score(task, peers.regress(task, d, forward=True)) for d in data]
    with settings.clock(f"Henon-Heiles, {label}: Adam + L1"):
        trained = peers.adam_l1(settings, task, data)
    found = [peers.coefficients_of(model) for model in trained]
    hits = lambda scores: float(np.mean([s.exact for s in scores]))  # noqa: E731
    visible = [(np.abs(c) > 0.05) == (task.truth != 0) for c in found]
    others = {
        ADAM: [float(np.abs(c - task.truth).max()) for c in found],
        MIDPOINT: [s.error for s in middle],
        FORWARD: [s.error for s in ahead],
    }
    shares = {
        ADAM: float(np.mean([v.all() for v in visible])),
        MIDPOINT: hits(middle),
        FORWARD: hits(ahead),
    }
    warm = [s.fit.seconds for s in ours[1:]] or [ours[0].fit.seconds]
    allowed = [float(np.max(s.fit.errors)) for s in ours]
    rows = [
        at_least(f"{label}: share of seeds with the exact support", hits(ours), 1.0, shares),
        at_most(f"{label}: largest error of a coefficient", [s.error for s in ours], bar, others),
        Row(f"{label}: largest error that the fit itself states, one deviation", allowed),
        Row(f"{label}: one fit, compiled", warm, unit="s"),
    ]
    models = {
        OURS: [s.fit.model for s in ours],
        ADAM: trained,
        MIDPOINT: [s.fit.model for s in middle],
        FORWARD: [s.fit.model for s in ahead],
    }
    return rows, models


def start_of_energy(energy: float) -> np.ndarray:
    """A start that no pair has: `q = (0, 0.2)`, `p` along one direction up to the energy."""
    q = np.array([0.0, 0.2])
    rest = energy - (q**2).sum() / 2 + q[1] ** 3 / 3
    return np.concatenate([q, np.sqrt(2 * rest) * np.array([0.8, 0.6])])


def forecast_orbits(models: dict, settings: Settings):
    """Times, and orbits from the unseen start by method, `(n, 4)` a seed."""
    ts = jnp.arange(0.0, settings.scaled(LATE, fast=2.0) + 1e-9, tasks.DT)
    x0 = jnp.asarray(start_of_energy(1 / 8))
    paths = {k: [np.asarray(m.predict(x0, ts)) for m in members] for k, members in models.items()}
    return np.asarray(ts), paths


def _energy_errors(paths: dict) -> dict:
    energy = tasks.henon_heiles().field.energy
    values = lambda path: np.asarray(energy(0.0, jnp.asarray(path).T))  # noqa: E731
    worst = lambda path: float(np.abs(values(path) - 1 / 8).max())  # noqa: E731
    return {kind: [worst(path) for path in members] for kind, members in paths.items()}


def _forecast_rows(settings: Settings, models: dict) -> tuple[list[Row], tuple]:
    ts, paths = forecast_orbits(models, settings)
    errors = _energy_errors(paths)
    truth = tasks.advance(tasks.henon_heiles().field, start_of_energy(1 / 8), ts)
    apart = {k: [float(np.abs(p - truth).max()) for p in ps] for k, ps in paths.items()}
    rest = lambda table: {k: v for k, v in table.items() if k != OURS}  # noqa: E731
    model = models[OURS][0]
    defect = symplecticity_defect(lambda x: model.predict(x, ts[:2])[-1], jnp.asarray(truth[0]))
    rows = [
        at_most("forecast from H = 1/8 to T = 50: largest |H - 1/8|", errors[OURS], 1e-3,
                rest(errors)),
        Row("the same: largest error of the state", apart[OURS], rest(apart)),
        at_most("symplecticity defect of one interval", float(defect), 1e-12),
    ]  # fmt: skip
    return rows, (ts, truth, paths)


def _joint_rows(settings: Settings) -> list[Row]:
    """Both ends of a pair are noisy: the true first states as unknowns."""
    task, rows = tasks.henon_heiles(), []
    for noise in (5e-3, 2e-2):
        count = settings.scaled(5000, fast=300)
        data = [tasks.henon_heiles_pairs(seed, count, noise) for seed in settings.seeds]
        with settings.clock(f"joint initial states, noise {noise:g}"):
            joint = [tasks.score(task, fit_sparse(task.model(), d, joint=True)) for d in data]
        plain = [tasks.score(task, fit_sparse(task.model(), d)) for d in data]
        label = f"{count} pairs, noise {noise:g}, first states unknown"
        rows += [
            Row(f"{label}: largest error", [s.error for s in joint],
                {"first states as measured": [s.error for s in plain]}),
            Row(f"{label}: terms found (6)", [s.terms for s in joint],
                {"first states as measured": [s.terms for s in plain]}),
        ]  # fmt: skip
    return rows


def _orbit_rows(settings: Settings) -> list[Row]:
    """The other three systems, one orbit each."""
    rows = []
    for name in ("coupled oscillator", "spring chain"):
        with settings.clock(name):
            found = [tasks.fit_orbit(settings, seed, name) for seed in settings.seeds]
        share = float(np.mean([s.exact for s in found]))
        rows += [
            at_least(f"{name}: share of seeds with the exact support", share, 1.0),
            Row(f"{name}: largest error of a coefficient", [s.error for s in found]),
            Row(f"{name}: condition number", [s.fit.condition for s in found]),
        ]
    with settings.clock("pendulum"):
        best, error = tasks.fit_pendulum(settings)
    exact = best.support.tolist() == [False, True, False, True]
    return [
        *rows,
        at_least("pendulum: exact support, 2 of 4 terms", float(exact), 1.0),
        Row("pendulum: largest error of the force and of T", error),
    ]


def _four_systems_seconds(settings: Settings) -> float:
    """All four systems from nothing, compilation included, the first seed."""
    start = time.perf_counter()
    for count, noise, _ in CASES:
        count = settings.scaled(count, fast=min(count, 300))
        fit_sparse(tasks.henon_heiles().model(), tasks.henon_heiles_pairs(0, count, noise))
    for name in ("coupled oscillator", "spring chain"):
        tasks.fit_orbit(settings, 0, name)
    tasks.fit_pendulum(settings)
    return time.perf_counter() - start


def sweep(settings: Settings) -> dict:
    """`method -> (hits, errors (noises, seeds))` over the noise, 1000 pairs."""
    task, count = tasks.henon_heiles(), settings.scaled(1000, fast=300)
    found: dict = {OURS: [], MIDPOINT: []}
    for noise in SWEEP[: settings.scaled(len(SWEEP), fast=1)]:
        data = [tasks.henon_heiles_pairs(seed, count, noise) for seed in settings.seeds]
        found[OURS].append([tasks.score(task, fit_sparse(task.model(), d)) for d in data])
        found[MIDPOINT].append([tasks.score(task, peers.regress(task, d)) for d in data])
    return {
        kind: (
            np.array([[s.exact for s in row] for row in rows]).sum(axis=1),
            np.array([[s.error for s in row] for row in rows]),
        )
        for kind, rows in found.items()
    }


def run(settings: Settings) -> Result:
    """Four systems; the clock of all four first, before anything is compiled."""
    seconds = _four_systems_seconds(settings)
    rows, models = [], {}
    for count, noise, bar in CASES:
        more, models = _recovery(settings, count, noise, bar)
        rows += more
    more, orbits = _forecast_rows(settings, models)
    rows += more + _orbit_rows(settings) + _joint_rows(settings)
    rows.append(at_most("all four systems, one seed, with compilation", seconds, 60, unit="s"))
    with settings.clock("noise sweep"):
        swept = sweep(settings)
    hits = {kind: int(counts.sum()) for kind, (counts, _) in swept.items()}
    total = len(settings.seeds) * len(swept[OURS][0])
    rows.append(
        Row(f"1000 pairs, noise 1e-4 to 1e-2: exact supports of {total}", hits[OURS],
            {MIDPOINT: hits[MIDPOINT]})
    )  # fmt: skip
    if settings.figures is not None:
        figures.draw(settings, models, orbits, SWEEP, swept)
    notes = (
        "Adam + L1: single pairs, 1e-2 falling by 0.8 every 100, penalty 1e-3; a term counts as "
        "found above 0.05, for none becomes zero",
        "differences: least squares on (x1 - x0) / 0.1, coefficients cut at 0.05 and refitted",
        "the error without noise is that of three steps of order 4 per pair, which the fit counts "
        "in the errors of its coefficients",
    )
    return Result(rows, notes)
