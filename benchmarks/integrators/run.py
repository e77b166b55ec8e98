"""Work-precision of the explicit steps on long runs, against diffrax's and rebound's methods.

Float64, one trajectory, seconds of a warm run against the largest relative energy error at the
saved times. Every round has another initial state and times all methods one after the other.
Diffrax runs adaptive Runge-Kutta methods at several tolerances, rebound its own methods; ours
run at several steps. `seconds at energy error` reads each method's curve at the same error.
Where no bodies are that rebound could integrate, the methods that did best run a hundred times as
long from one start: there a method whose energy drifts has to be that much more precise.
"""

import numpy as np

from benchmarks.harness import Result, Row, Settings, at_most
from benchmarks.integrators import work_precision as wp
from benchmarks.integrators.long_orbits import Case, cases
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

LONG, LONG_TOLERANCES, NEAR = 100_000, (1e-11, 1e-13), 3.0
"""Periods of the long runs, diffrax's tolerances there; its solvers that took at most so many
times the better one's seconds on the shorter run take part.
"""


def _substeps(step, evaluations: int, periods: float, saves: int) -> int:
    """Equal steps between two saved times, so that a period costs that many forces."""
    return max(1, round(evaluations * periods / saves / step.info.evaluations))


def _our_points(
    problem, name, periods, saves, seed, evaluations, batch=None, runs=2
) -> list[wp.Point]:
    points, total, step = [], periods * problem.period, getattr(I, name)
    for count in evaluations:
        substeps = _substeps(step, count, periods, saves)
        run = wp.our_run(problem, step, total, saves, substeps, batch)
        point = wp.timed(problem, run, seed, runs=runs)
        points.append(point._replace(seconds=point.seconds / (batch or 1)))
    return points


def _their_points(problem, solver, periods, saves, seed, tolerances, runs=2) -> list[wp.Point]:
    total = periods * problem.period
    run = wp.diffrax_run(problem, solver, total, saves)
    return [wp.timed(problem, run, seed, t, runs=runs) for t in tolerances]


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


def _long_rows(settings: Settings, case: Case, rounds: list[dict]) -> list[Row]:
    """The better methods a hundred times as long, from the first start, each run once."""
    problem, saves = case.problem, settings.scaled(SAVES, fast=4)
    periods = settings.scaled(LONG, fast=4)
    spent = {n: np.median([_best(r, [n], case.target) for r in rounds]) for n in rounds[0]}
    ours = min(STEPS, key=spent.__getitem__)
    peers = [f"diffrax {solver}" for solver in SOLVERS]
    limit = NEAR * min(spent[n] for n in peers)
    curves = {ours: _our_points(problem, ours, periods, saves, 0, case.evaluations, runs=1)}
    for name in peers:
        if spent[name] <= limit:
            solver = name.removeprefix("diffrax ")
            tolerances = settings.scaled(LONG_TOLERANCES, fast=LONG_TOLERANCES[:1])
            curves[name] = _their_points(problem, solver, periods, saves, 0, tolerances, runs=1)
    _long_figure(settings, problem, periods, curves)
    label = f"{problem.name}, {periods:,} periods"
    times = {n: wp.seconds_at(points, case.target) for n, points in curves.items()}
    mine = times.pop(ours)
    growth = {n: _growth(points[-1].errors) for n, points in curves.items()}
    my_growth = growth.pop(ours)
    return [
        Row(f"{label}: seconds at energy error {case.target:g}, {ours}", mine, times, "s"),
        at_most(f"{label}: time over diffrax's best", _over([mine], [min(times.values())]), 1.0),
        at_most(f"{label}: energy error, last over first tenth", my_growth, 2.0, growth),
    ]


def _long_figure(settings: Settings, problem, periods: int, curves: dict) -> None:
    lines = {}
    for name, points in curves.items():
        for point in points:
            times = np.linspace(0, periods, len(point.errors))[1:]
            label = f"{name} ({1e3 * point.seconds / periods:.2g} ms per period)"
            lines[label] = times, point.errors[1:]
    figure, axis = plot_error_growth(lines, time_name="periods", error_name="relative energy error")
    axis.set(xscale="log", title=problem.name)
    settings.save_figure(figure, f"long-run-{_slug(problem.name)}")


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in name.lower())


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
    settings.save_figure(figure, _slug(problem.name))


def run(settings: Settings) -> Result:
    """Work-precision on every problem, and the long runs."""
    wp.rebound()
    rows = []
    for case in cases():
        rounds = []
        for seed in settings.seeds:
            with settings.clock(case.problem.name):
                rounds.append(_round(settings, case, seed))
        rows += _rows(case, rounds)
        _figure(settings, case.problem, rounds)
        if not case.rebound:
            with settings.clock(f"{case.problem.name}, long runs"):
                rows += _long_rows(settings, case, rounds)
    notes = (
        f"{PERIODS} periods per run, {SAVES} energies; a period is 2 pi (Henon-Heiles, planets), "
        "one revolution (Kepler, eight), one swing of the slowest linear mode (chain)",
        f"{LONG:,} periods: from the first start, each run once; of diffrax's solvers those within "
        f"{NEAR:g} times the better one's seconds before",
        "whfast and saba integrate the motion around the first body exactly: reported, no bar",
    )
    return Result(rows, notes)
