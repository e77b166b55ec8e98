"""Work-precision of the explicit steps on long runs, against diffrax's and rebound's methods.

Float64, one trajectory, seconds of a warm run against the largest relative energy error at the
saved times. Every round has another initial state and times all methods one after the other.
Diffrax runs adaptive Runge-Kutta methods at several tolerances, rebound its own methods; ours
run at several steps. `seconds at energy error` reads each method's curve at the same error.
Energies along a run a hundred times as long show which methods drift.
"""

import numpy as np

from benchmarks import _work_precision as wp
from benchmarks._harness import Result, Row, Settings, at_most
from benchmarks._long_orbits import Case, cases
from dynnets import integrators as I
from dynnets.plotting import plot_error_growth, plot_work_precision

NAME = "integrators"
X64 = True
SEEDS = 3

STEPS = ("verlet_kdk", "blanes_moan4", "blanes_moan6", "suzuki_umeno8")
BATCHED = ("blanes_moan6",)
SOLVERS = ("Tsit5", "Dopri8")
GENERIC = ("rebound leapfrog", "rebound ias15")
"""Those of rebound's methods that, like ours, take no profit from one body ruling the others."""

TOLERANCES = (1e-7, 1e-9, 1e-11)
PERIODS, SAVES, BATCH = 1000, 1009, 64
"""Periods of the diagrams, saved times (at all phases of a period), trajectories of a batch."""

LONG, THEIR_LONG = 100_000, 10_000
"""Periods of the long run: ours, diffrax's."""


def _substeps(step, evaluations: int, periods: float, saves: int) -> int:
    """Equal steps between two saved times, so that a period costs that many forces."""
    return max(1, round(evaluations * periods / saves / step.info.evaluations))


def _our_points(problem, name, periods, saves, seed, evaluations, batch=None) -> list[wp.Point]:
    points, total, step = [], periods * problem.period, getattr(I, name)
    for count in evaluations:
        substeps = _substeps(step, count, periods, saves)
        run = wp.our_run(problem, step, total, saves, substeps, batch)
        point = wp.timed(problem, run, seed)
        points.append(point._replace(seconds=point.seconds / (batch or 1)))
    return points


def _their_points(problem, solver, periods, saves, seed, tolerances) -> list[wp.Point]:
    total = periods * problem.period
    run = wp.diffrax_run(problem, solver, total, saves)
    return [wp.timed(problem, run, seed, t) for t in tolerances]


def _round(settings: Settings, case: Case, seed: int) -> dict[str, list[wp.Point]]:
    """All methods on one initial state, one after the other."""
    periods, saves = settings.scaled((PERIODS, SAVES), fast=(2, 4))
    counts, problem, found = settings.scaled(case.evaluations, fast=(60,)), case.problem, {}
    for name in STEPS:
        found[name] = _our_points(problem, name, periods, saves, seed, counts)
    tolerances = settings.scaled(TOLERANCES, fast=TOLERANCES[:1])
    for solver in SOLVERS:
        points = _their_points(problem, solver, periods, saves, seed, tolerances)
        found[f"diffrax {solver}"] = points
    total = periods * problem.period
    for name, sizes in case.rebound.items():
        points = [wp.rebound_run(problem, name, total, saves, h, seed) for h in sizes]
        found[f"rebound {name}"] = points
    for name in BATCHED if case.rebound else ():
        points = _our_points(problem, name, periods, saves, seed, counts, BATCH)
        found[f"{name}, of {BATCH}"] = points
    return found


def _best(curves: dict, names, target: float) -> float:
    return min(wp.seconds_at(curves[name], target) for name in names)


def _over(ours, theirs) -> list[float]:
    """Ratios; infinite where ours never gets so precise, not a number where theirs does not: what
    was not compared holds no bar.
    """
    compared = zip(ours, theirs, strict=True)
    return [a / b if np.isfinite(b) else np.nan if np.isfinite(a) else np.inf for a, b in compared]


def _rows(case: Case, rounds: list[dict]) -> list[Row]:
    """Seconds at equal energy error, and ratios within each round."""
    names, label = list(rounds[0]), case.problem.name
    peers = [n for n in names if n.startswith(("diffrax", "rebound"))]
    ours = [_best(r, STEPS, case.target) for r in rounds]
    theirs = {n: [_best(r, [n], case.target) for r in rounds] for n in peers}
    diffrax = [min(theirs[f"diffrax {s}"][i] for s in SOLVERS) for i in range(len(rounds))]
    rows = [
        Row(f"{label}: seconds at energy error {case.target:g}", ours, theirs, "s"),
        at_most(f"{label}: time over diffrax's best", _over(ours, diffrax), 1.0),
    ]
    if not case.rebound:
        return rows
    batched = [n for n in names if n.endswith(f", of {BATCH}")]
    each = [_best(r, batched, case.target) for r in rounds]
    rows.append(Row(f"{label}: seconds each, {BATCH} trajectories at once", each, unit="s"))
    for name in (n for n in peers if n in GENERIC):
        rows.append(at_most(f"{label}: time over {name}", _over(ours, theirs[name]), 1.0))
    for name in (n for n in peers if n.startswith("rebound")):
        rows.append(Row(f"{label}: each of {BATCH}, time over {name}", _over(each, theirs[name])))
    return rows


def _long_run(settings: Settings, problem) -> Row:
    """Energy errors along a run a hundred times as long; ours may not grow."""
    saves = settings.scaled(SAVES, fast=4)
    ours, theirs = settings.scaled((LONG, THEIR_LONG), fast=(4, 4))
    points = {}
    for name in ("verlet_kdk", "blanes_moan6"):
        points[name] = ours, _our_points(problem, name, ours, saves, 0, (600,))[0]
    for solver in SOLVERS:
        point = _their_points(problem, solver, theirs, saves, 0, (1e-8,))[0]
        points[f"diffrax {solver}"] = theirs, point
    curves = {}
    for name, (periods, point) in points.items():
        label = f"{name} ({1e3 * point.seconds / periods:.2f} ms per period)"
        curves[label] = np.linspace(0, periods, saves + 1)[1:], point.errors[1:]
    figure, axis = plot_error_growth(
        curves, time_name="periods", error_name="relative energy error"
    )
    axis.set_xscale("log")
    settings.save_figure(figure, "long-run")
    growth = {name: _growth(point.errors) for name, (_, point) in points.items()}
    mine = max(growth.pop("verlet_kdk"), growth.pop("blanes_moan6"))
    metric = f"{problem.name}: energy error, last over first tenth of {ours:,} periods"
    return at_most(f"{metric} (diffrax: {theirs:,})", mine, 2.0, growth)


def _growth(errors: np.ndarray) -> float:
    tenth = max(1, len(errors) // 10)
    return float(np.max(errors[-tenth:]) / np.max(errors[1 : 1 + tenth]))


def _figure(settings: Settings, problem, rounds: list[dict]) -> None:
    curves = {}
    for name in rounds[0]:
        spent = np.median([[p.seconds for p in r[name]] for r in rounds], axis=0)
        error = np.median([[p.error for p in r[name]] for r in rounds], axis=0)
        curves[name] = (spent, error)
    figure, axis = plot_work_precision(curves, cost_name="seconds per trajectory")
    axis.set_title(problem.name, fontsize=10)
    label = "".join(c if c.isalnum() else "-" for c in problem.name.lower())
    settings.save_figure(figure, label)


def run(settings: Settings) -> Result:
    """Work-precision on every problem, then the long run."""
    wp.rebound()
    rows, chosen = [], cases()
    for case in chosen:
        rounds = []
        for seed in settings.seeds:
            with settings.clock(case.problem.name):
                rounds.append(_round(settings, case, seed))
        rows += _rows(case, rounds)
        _figure(settings, case.problem, rounds)
    with settings.clock("long run"):
        rows.append(_long_run(settings, chosen[0].problem))
    notes = (
        f"{PERIODS} periods per run, {SAVES} energies; a period is 2 pi (Henon-Heiles, planets), "
        "one revolution (Kepler, eight), one swing of the slowest linear mode (chain)",
        "whfast and saba integrate the motion around the first body exactly: reported, no bar",
    )
    return Result(rows, notes)
