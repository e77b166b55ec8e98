"""Work-precision of the explicit steps on long runs, against diffrax's and rebound's methods.

Float64, one trajectory, seconds of a warm run against the largest relative energy error at the
saved times. Every round has another initial state and times all methods one after the other.
Diffrax runs adaptive Runge-Kutta methods at several tolerances, rebound its own methods at
several steps on the planetary system; ours run at several steps. `seconds at equal error` reads
each method's curve at the same energy error. Also energies along a run ten times as long.
"""

import numpy as np

from benchmarks import _work_precision as wp
from benchmarks._harness import Result, Row, Settings, at_most
from dynnets import integrators as I
from dynnets.plotting import plot_error_growth, plot_work_precision
from dynnets.systems import FermiPastaUlamTsingou, HenonHeiles, Kepler, PlanarNBody

NAME = "integrators"
X64 = True
SEEDS = 3

STEPS = ("verlet_kdk", "blanes_moan4", "blanes_moan6", "suzuki_umeno8")
SOLVERS = ("Tsit5", "Dopri8")
TOLERANCES = (1e-6, 1e-8, 1e-10)
PERIODS, LONG, SAVES, BATCH = 1000, 10_000, 500, 64
"""Periods of the diagrams and of the long run, saved times, columns of the batch."""


def _problems():
    """Each with the evaluations of the force per period that ours may spend."""
    import jax.numpy as jnp
    import jax.random as jr

    def start(system):
        return lambda seed: system.sample(jr.key(seed))

    kepler, planets = Kepler(), PlanarNBody(masses=(1.0, 1e-3, 3e-4))
    henon = HenonHeiles(1.0, (1 / 24, 1 / 12))
    chain = FermiPastaUlamTsingou()
    wave = 2 * np.pi / float(chain.frequencies()[0])

    def orbits(seed):
        """Two planets at 1 and 1.8 with eccentricity 0.1 around the first body."""
        phases = np.random.default_rng(seed).uniform(0, 2 * np.pi, 2)
        masses, axes, e = np.array([1e-3, 3e-4]), np.array([1.0, 1.8]), 0.1
        turn = np.stack([np.cos(phases), np.sin(phases)], axis=1)
        ahead = np.stack([-np.sin(phases), np.cos(phases)], axis=1)
        speed = np.sqrt((1 + e) / (1 - e) / axes)[:, None]
        places, momenta = (axes * (1 - e))[:, None] * turn, masses[:, None] * speed * ahead
        places = np.vstack([np.zeros((1, 2)), places])
        momenta = np.vstack([-momenta.sum(axis=0, keepdims=True), momenta])
        return jnp.asarray(np.concatenate([places.ravel(), momenta.ravel()]))

    return [
        (wp.Problem("Kepler, e = 0.6", kepler, kepler.period, start(kepler)), 1e-6),
        (wp.Problem("Henon-Heiles", henon, 2 * np.pi, start(henon)), 1e-6),
        (wp.Problem("Fermi-Pasta-Ulam-Tsingou, 32", chain, wave, start(chain)), 1e-6),
        (wp.Problem("Sun and two planets", planets, 2 * np.pi, orbits), 1e-8),
    ]


EVALUATIONS = {
    "Kepler, e = 0.6": (200, 400, 800, 1600),
    "Henon-Heiles": (30, 60, 120, 240),
    "Fermi-Pasta-Ulam-Tsingou, 32": (100, 200, 400, 800),
    "Sun and two planets": (60, 120, 240, 480),
}
REBOUND = {
    "leapfrog": (0.2, 0.05, 0.0125),
    "whfast": (0.8, 0.2, 0.05),
    "saba": (0.8, 0.4, 0.2),
    "ias15": (1e-5, 1e-9),
}


def _substeps(step, evaluations: int, periods: float, saves: int) -> int:
    """Equal steps between two saved times, so that a period costs that many forces."""
    return max(1, round(evaluations * periods / saves / step.info.evaluations))


def _our_points(problem, step, periods, saves, seed, evaluations, batch=None) -> list[wp.Point]:
    points, total = [], periods * problem.period
    for count in evaluations:
        substeps = _substeps(step, count, periods, saves)
        run = wp.our_run(problem, step, total, saves, substeps, batch)
        point = wp.timed(problem, run, seed)
        points.append(point._replace(seconds=point.seconds / (batch or 1)))
    return points


def _their_points(problem, solver, periods, saves, seed, tolerances) -> list[wp.Point]:
    total = periods * problem.period
    runs = (wp.diffrax_run(problem, solver, total, saves, t) for t in tolerances)
    return [wp.timed(problem, run, seed) for run in runs]


def _round(settings: Settings, problem, seed: int) -> dict[str, list[wp.Point]]:
    """All methods on one initial state, one after the other."""
    periods, saves = settings.scaled((PERIODS, SAVES), fast=(2, 4))
    counts = settings.scaled(EVALUATIONS[problem.name], fast=(60, 120))
    found = {}
    for name in STEPS:
        found[name] = _our_points(problem, getattr(I, name), periods, saves, seed, counts)
    for solver in SOLVERS:
        tolerances = settings.scaled(TOLERANCES, fast=TOLERANCES[:1])
        found[f"diffrax {solver}"] = _their_points(
            problem, solver, periods, saves, seed, tolerances
        )
    if isinstance(problem.system, PlanarNBody):
        total = periods * problem.period
        for name, sizes in REBOUND.items():
            found[f"rebound {name}"] = [
                wp.rebound_run(problem, name, total, saves, h, seed) for h in sizes
            ]
        for name in STEPS:
            step = getattr(I, name)
            batch = _our_points(problem, step, periods, saves, seed, counts[:2], BATCH)
            found[f"{name}, of {BATCH}"] = batch
    return found


def _best(curves: dict, names, target: float) -> float:
    return min(wp.seconds_at(curves[name], target) for name in names)


def _rows(problem, rounds: list[dict], target: float) -> list[Row]:
    """Seconds at equal energy error, and ratios within each round."""
    names = list(rounds[0])
    groups = {"ours": [n for n in names if n in STEPS]}
    groups |= {n: [n] for n in names if n.startswith("diffrax")}
    groups |= {n: [n] for n in names if n.startswith("rebound")}
    spent = {g: [_best(r, members, target) for r in rounds] for g, members in groups.items()}
    others = {g: values for g, values in spent.items() if g != "ours"}
    metric = f"{problem.name}: seconds at energy error {target:g}"
    solvers = [g for g in others if g.startswith("diffrax")]
    ratios = [spent["ours"][i] / min(spent[g][i] for g in solvers) for i in range(len(rounds))]
    rows = [
        Row(metric, spent["ours"], others, "s"),
        at_most(f"{problem.name}: time over diffrax's best", ratios, 1.0),
    ]
    peers = [g for g in others if g.startswith("rebound")]
    if peers:
        rows += _rebound_rows(problem, rounds, target, spent, peers)
    return rows


def _rebound_rows(problem, rounds, target, spent, peers) -> list[Row]:
    generic = spent["rebound leapfrog"]
    batched = [n for n in rounds[0] if n.endswith(f", of {BATCH}")]
    each = [_best(r, batched, target) for r in rounds]
    best = [min(spent[g][i] for g in peers) for i in range(len(rounds))]
    ratio = [a / b for a, b in zip(spent["ours"], generic)]
    many = [a / b for a, b in zip(each, best)]
    return [
        at_most(f"{problem.name}: time over rebound's leapfrog, one trajectory", ratio, 1.0),
        Row(f"{problem.name}: seconds per trajectory in a batch of {BATCH}", each, unit="s"),
        at_most(f"{problem.name}: batched time over rebound's best", many, 1.0),
    ]


def _long_run(settings: Settings, problem) -> tuple[dict, list[Row]]:
    """Energy errors along a run ten times as long, at settings of about equal cost."""
    periods, saves = settings.scaled((LONG, SAVES), fast=(4, 4))
    curves = {}
    for name, count in (("verlet_kdk", 400), ("blanes_moan6", 400)):
        step = getattr(I, name)
        (point,) = _our_points(problem, step, periods, saves, 0, (count,))
        curves[f"{name} ({point.seconds:.1f} s)"] = point
    for solver, tolerance in (("Tsit5", 1e-8), ("Dopri8", 1e-8)):
        (point,) = _their_points(problem, solver, periods, saves, 0, (tolerance,))
        curves[f"{solver} at {tolerance:g} ({point.seconds:.1f} s)"] = point
    names = list(curves)
    growth = {n: _growth(p.errors) for n, p in curves.items()}
    times = np.linspace(0, periods, saves + 1)
    figure, _ = plot_error_growth(
        {n: (times, p.errors) for n, p in curves.items()},
        time_name="periods",
        error_name="relative energy error",
    )
    settings.save_figure(figure, "long-run")
    theirs = {n.split(" ")[0]: growth[n] for n in names[2:]}
    metric = f"{problem.name}: energy error, last tenth over first tenth of {periods:,} periods"
    return curves, [at_most(metric, max(growth[n] for n in names[:2]), 2.0, theirs)]


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
    settings.save_figure(figure, "".join(c if c.isalnum() else "-" for c in problem.name.lower()))


def run(settings: Settings) -> Result:
    """Work-precision on every problem, then the long run."""
    wp.rebound()
    rows, problems = [], _problems()
    for problem, target in problems:
        rounds = []
        for seed in settings.seeds:
            with settings.clock(problem.name):
                rounds.append(_round(settings, problem, seed))
        rows += _rows(problem, rounds, settings.scaled(target, fast=1.0))
        _figure(settings, problem, rounds)
    with settings.clock("long run"):
        rows += _long_run(settings, problems[0][0])[1]
    note = (
        f"{PERIODS} periods per run, {SAVES} energies; a period is 2 pi (Henon-Heiles, planets), "
        "one revolution (Kepler), the slowest linear mode (chain)"
    )
    return Result(rows, (note,))
