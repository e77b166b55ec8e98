"""Structured networks: every family of fields under every step, limits, depth and arithmetic.

The recipe of Celledoni, Murari, Owren, Schoenlieb, Sherry, Dynamical Systems-Based Neural
Networks, SIAM J. Sci. Comput. 45, 2023, executed: what the library declares of each pairing is
measured, the declared limits of step sizes are attacked by gradient ascent, and the depth of a
network is shown to cost nothing in compilation and little in arithmetic.
"""

import jax.random as jr

from benchmarks.harness import Result, Row, Settings, at_least, at_most
from benchmarks.structured_resnets import depth, figures, pairings, violations
from dynnets.energies import MLPEnergy
from dynnets.fields import (
    HamiltonianField,
    NonExpansiveField,
    OrthogonalFlowField,
    RotationField,
    SeparableHamiltonianField,
    ShearField,
    SphereField,
    SumPreservingField,
)
from dynnets.integrators import (
    Gauss,
    Gonzalez,
    ImplicitEuler,
    ImplicitMidpoint,
    MeanValue,
    Projected,
    Relaxation,
    cayley,
    explicit_euler,
    explicit_midpoint,
    heun,
    kutta3,
    lie,
    lie_euler,
    ralston,
    rk4,
    ssp3,
    step_info,
    strang,
)
from dynnets.structure import DISSIPATIVE, ENERGY, NON_EXPANSIVE, NORM, verdict

NAME = "structured-resnets"
X64 = True
SEEDS = 3

FINE, COARSE = (0.2, 0.1, 0.05), (0.8, 0.4, 0.2, 0.1, 0.05)
CLOSE = tuple(0.8 * 2 ** (-k / 4) for k in range(20))  # every fourth one is a half
FINEST = (2.0**-9.5, 2.0**-10.5)
METHODS = [
    pairings.Method(step_info(step).name, step, FINE)
    for step in (
        lie,
        strang,
        explicit_euler,
        heun,
        explicit_midpoint,
        kutta3,
        rk4,
        ImplicitMidpoint(),
        Gauss(2),
        cayley,
        lie_euler,
        Gonzalez(),
    )
]
METHODS.append(pairings.Method("Gauss(3)", Gauss(3), CLOSE, stride=4, resolved=5e-15))
METHODS.append(pairings.Method("MeanValue(2)", MeanValue(2), COARSE))  # energy: order 4
METHODS += [
    pairings.Method(f"{corrected.__name__}(Heun, {tag})", corrected(heun, tag), sizes, tag)
    for corrected, tag, sizes in (
        (Projected, NORM, FINE),
        (Projected, ENERGY, FINE),
        (Relaxation, NORM, FINE),
        # the way bends little where it is nearly straight along the level: order shows late
        (Relaxation, ENERGY, FINEST),
    )
]
CONTRACTIVE = (explicit_euler, heun, ralston, kutta3, ssp3, rk4)
UNBOUNDED = (ImplicitMidpoint(), ImplicitEuler(), Gauss(2))


def _separable(key):
    first, second = jr.split(key)
    return SeparableHamiltonianField(MLPEnergy(2, 4, 1, key=first), MLPEnergy(2, 4, 1, key=second))


def _families():
    draws = {
        "shear": (lambda key: ShearField(2, 3, 4, key=key), (5,)),
        "divergence-free": (pairings.circulating_flow, (3,)),
        "separable Hamiltonian": (_separable, (4,)),
        "Hamiltonian": (lambda key: HamiltonianField(MLPEnergy(4, 4, 1, key=key)), (4,)),
        "sphere": (lambda key: SphereField(4, 4, 1, key=key), (4,)),
        "rotations": (lambda key: RotationField(4, 4, 1, key=key), (4,)),
        "mass": (lambda key: SumPreservingField(4, 4, 1, key=key), (4,)),
        "orthogonal": (lambda key: OrthogonalFlowField(3, 3, 4, 1, key=key), (3, 3)),
    }

    def with_normal_weights(make):
        return lambda key: pairings.normal_weights(make(key), key)

    return [
        pairings.Family(name, with_normal_weights(make), shape)
        for name, (make, shape) in draws.items()
    ]


def _pairing_rows(settings: Settings) -> list[Row]:
    with settings.clock("pairings"):
        found = pairings.cells(
            settings.scaled(_families(), fast=_families()[:2]),
            settings.scaled(METHODS, fast=METHODS[:4]),
            settings.seeds,
            points=settings.scaled(pairings.POINTS, fast=4),
        )
    if settings.figures is not None:
        settings.save_figure(figures.table(found), "pairings")
    wrong = [c for c in found if not c.agrees]
    exact = [c.largest for c in found if c.declared == "exact"]
    share = 100 * (1 - len(wrong) / len(found))
    typical = 100 * sum(c.typically for c in found) / len(found)
    return [
        at_least("pairings that measure as declared", share, 100, unit="%"),
        at_least("the same, median of the slopes of the points", typical, 100, unit="%"),
        Row("pairings measured", len(found)),
        Row(
            "points of all pairings without a result (no root), left out",
            sum(c.without for c in found),
        ),
        at_most("largest defect of those declared exact", max(exact), pairings.ROUND_OFF),
        *[
            Row(
                f"{c.family} x {c.step}: {c.tag}, declared {c.declared}: slopes",
                c.slopes,
                {"median of the points": c.medians},
            )
            for c in wrong
        ],
    ]


def _limit_rows(settings: Settings) -> list[Row]:
    """Largest ratio found at 0.99 and 1.05 times each declared limit, `nu = L = 1`."""
    starts = settings.scaled(200, fast=4)
    updates = settings.scaled(violations.UPDATES, fast=5)
    field = NonExpansiveField(3, 5, key=jr.key(0))
    rows, key = [], jr.key(7)

    def attack(search, step, sizes, *kinds):
        found = [search(step, sizes, kind, key, starts=starts, updates=updates) for kind in kinds]
        return [max(values) for values in zip(*found, strict=True)]

    def limited(search, step, tag, what, *kinds):
        bound = verdict(step, field, tag).bound
        inside, outside = attack(search, step, (0.99 * bound, 1.05 * bound), *kinds)
        name = f"{step_info(step).name}: {what} found at .99 of its limit {bound:.4g}"
        rows.append(at_most(name, inside, 1e-9, {"at 1.05": outside}))
        return outside

    with settings.clock("searches for violations"):
        for step in CONTRACTIVE:
            limited(violations.expansion, step, NON_EXPANSIVE, "expansion", "tanh", "relu")
        outside = limited(
            violations.expansion, explicit_euler, NON_EXPANSIVE, "linear expansion", "identity"
        )
        rows.append(at_least("Euler: linear expansion found at 1.05 of it", outside, 1e-3))
        for step in UNBOUNDED:
            (found,) = attack(violations.expansion, step, (5.0,), "half_relu")
            rows.append(at_most(f"{step_info(step).name}: expansion found at 5 / nu", found, 1e-9))
        (found,) = attack(violations.expansion, explicit_midpoint, (1.0,), "relu", "tanh")
        rows.append(at_least("explicit midpoint (lost): expansion found at 1 / nu", found, 1e-6))
        limited(violations.ascent, explicit_euler, DISSIPATIVE, "rise of V", "tanh", "identity")
        limited(violations.ascent, ImplicitMidpoint(), DISSIPATIVE, "rise of V", "tanh")
        (found,) = attack(violations.ascent, Gonzalez(), (5.0,), "tanh")
        rows.append(at_most("Gonzalez: rise of V found at 5 / L", found, 1e-9))
    return rows


def _depth_rows(settings: Settings) -> list[Row]:
    depths = settings.scaled((16, 64, 256, 512), fast=(4, 16))
    with settings.clock("compilation at every depth"):
        times = depth.compile_times(depths, repeats=settings.scaled(3, fast=1), key=jr.key(0))
    scan, loop = times["scan"], times["list"]
    rows = [
        Row(f"seconds to compile the gradient of {d} layers", scan[d], {"list": loop[d]}, unit="s")
        for d in depths
    ]
    first, last = depths[0], depths[-1]
    rows.append(at_most(f"compile {last} / {first} layers, scan", scan[last] / scan[first], 1.3))
    if 64 in depths:
        rows += [
            at_most("compile 512 / 64 layers, scan", scan[512] / scan[64], 1.1),
            at_least("compile list / scan, 256 layers", loop[256] / scan[256], 5),
            at_least("compile list / scan, 512 layers", loop[512] / scan[512], 15),
        ]
    sizes = settings.scaled({}, fast={"depth": 4, "width": 32, "batch": 16, "peak_size": 64})
    with settings.clock("steady state"):
        found = depth.steady_state(key=jr.key(1), **sizes)
    return [
        *rows,
        at_least(
            "forward and backward, 64 x 512, over a 2048^2 product", found["scan / peak"], 0.75
        ),
        at_most("seconds, scan over list", found["list"] / found["scan"], 1.1),
    ]


def run(settings: Settings) -> Result:
    """The pairing table, the limits, the depth."""
    rows = _pairing_rows(settings) + _limit_rows(settings) + _depth_rows(settings)
    if settings.figures is not None:
        settings.save_figure(figures.step_sizes(settings), "step-sizes")
    return Result(
        rows,
        (
            "a pairing: one property of one family under one step; exact: defect below 1e-12 at "
            "three step sizes; order r: slope of the last halving within .25 of r + 1",
            "searches: 200 starts of gradient ascent on weights and states; 1e-9 is round-off",
        ),
    )
