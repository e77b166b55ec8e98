"""Variational mechanics and optimal control: three routes to a motion, long runs, exact controls.

The same Lagrangian goes through the Euler-Lagrange equations, through the Legendre transform and
Hamilton's equations, and through the discrete action; optimal controls come by shooting and by
sweeps and are compared with closed forms; a network is trained by costates.
"""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.harness import Result, Row, Settings, at_most
from benchmarks.variational_preliminaries import control, figures
from dynnets.analysis import drift_rate, energy_drift
from dynnets.energies import legendre
from dynnets.fields import CanonicalLagrangianField, HamiltonianField, LagrangianField
from dynnets.integrators import rk4, rollout, variational_gauss, variational_midpoint
from dynnets.systems import Pendulum

NAME = "variational-preliminaries"
X64 = True
SEEDS = 3

GRAVITY = 9.8
DURATION = 10.0
STEP = 0.05


def pendulum(t, q, v):
    """The pendulum with unit mass, length and gravity."""
    return jnp.sum(v**2) / 2 + jnp.sum(jnp.cos(q))


def double_pendulum(t, q, v):
    """Unit masses and lengths, absolute angles."""
    kinetic = v[0] ** 2 + v[1] ** 2 / 2 + v[0] * v[1] * jnp.cos(q[0] - q[1])
    return kinetic + GRAVITY * (2 * jnp.cos(q[0]) + jnp.cos(q[1]))


SYSTEMS = {
    "pendulum": (pendulum, jnp.array([2.0]), jnp.array([0.5])),
    "double pendulum": (double_pendulum, jnp.array([1.2, 0.8]), jnp.zeros(2)),
}


@eqx.filter_jit
def _solve(field, x0):
    """The state at `DURATION` by Dopri8 at a tolerance near round-off."""
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Dopri8(),
        0.0,
        DURATION,
        1e-3,
        x0,
        stepsize_controller=diffrax.PIDController(rtol=1e-14, atol=1e-14),
        max_steps=100_000,
    )
    return solution.ys[-1]


def _routes(settings: Settings) -> tuple[list[Row], dict]:
    """(a): Euler-Lagrange, Hamilton, and the discrete action."""
    rows, curves = [], {}
    for name, (lagrangian, q, v) in SYSTEMS.items():
        momentum = jax.grad(lagrangian, 2)
        energy = legendre(lagrangian)
        x0 = jnp.concatenate([q, momentum(0.0, q, v)])
        with settings.clock(f"(a) {name}: Euler-Lagrange and Hamilton"):
            first = _solve(LagrangianField(lagrangian), jnp.concatenate([q, v]))
            second = _solve(HamiltonianField(energy), x0)
        half = q.shape[0]
        as_momenta = jnp.concatenate([first[:half], momentum(0.0, first[:half], first[half:])])
        gap = float(jnp.abs(as_momenta - second).max())
        rows.append(at_most(f"(a) {name}: Euler-Lagrange against Hamilton, t = 10", gap, 1e-9))
        if name == "pendulum":
            exact = Pendulum().solution(DURATION, x0)
            rows.append(Row(f"(a) {name}: Hamilton against the closed form", _gap(second, exact)))
        field = CanonicalLagrangianField(lagrangian, quadratic=True)
        counts = settings.scaled([1000, 2000, 4000, 8000], fast=[500, 1000])
        with settings.clock(f"(a) {name}: variational steps"):
            for step, order in ((variational_midpoint, 2), (variational_gauss, 4)):
                counted = counts if order == 2 else [n // 5 for n in counts]
                errors = [_gap(_end(step, field, x0, n), second) for n in counted]
                curves[f"{name}, order {order}"] = (
                    np.array([DURATION / n for n in counted]),
                    np.array(errors),
                )
                slope = float(np.log2(errors[-2] / errors[-1]))
                metric = f"(a) {name}: slope of the variational rule of order {order}"
                bar = f"{order} within .05"
                rows.append(Row(metric, slope, bar=bar, holds=abs(slope - order) <= 0.05))
    return rows, curves


def _gap(x, y) -> float:
    return float(jnp.abs(x - y).max())


def _end(step, field, x0, n):
    return jax.jit(lambda x: rollout(step, field, x, (DURATION / n, n)).xs[-1])(x0)


def _long_run(settings: Settings) -> tuple[list[Row], dict]:
    """(b): the energy of the double pendulum over many steps."""
    n = settings.scaled(100_000, fast=400)
    lagrangian, q, v = SYSTEMS["double pendulum"]
    field = CanonicalLagrangianField(lagrangian, quadratic=True)
    hamiltonian = HamiltonianField(legendre(lagrangian, quadratic=True))
    x0 = jnp.concatenate([q, jax.grad(lagrangian, 2)(0.0, q, v)])

    def drift(step, field, h, count):
        def run(x):
            orbit = rollout(step, field, x, (h, count))
            return orbit.ts, energy_drift(field.energy, orbit.ts, orbit.xs)

        with settings.clock(f"(b) {count} steps, {getattr(step, 'name', 'variational')}"):
            return jax.block_until_ready(jax.jit(run)(x0))

    ts, ours = drift(variational_midpoint, field, STEP, n)
    _, rough = drift(rk4, hamiltonian, STEP, n)
    fine_ts, fine = drift(rk4, hamiltonian, STEP / 2, 2 * n)
    largest = float(jnp.abs(ours).max())
    # per cent of the amplitude that a straight line through the energies gains
    share = 100 * abs(float(drift_rate(ts, ours) * ts[-1])) / largest
    ends = [float(jnp.abs(fine[-1])), float(jnp.abs(fine[n]))]
    growth = ends[0] / ends[1]
    final = {"RK4": float(jnp.abs(rough[-1])), "RK4, h / 2": ends[0]}
    rows = [
        at_most(f"(b) double pendulum, {n} steps of .05: largest energy error", largest, 0.03,
                {"RK4": float(jnp.abs(rough).max()), "RK4, h / 2": float(jnp.abs(fine).max())},
                unit="J"),
        at_most("(b) trend of the energy over the run, of its amplitude", share, 2, unit="%"),
        Row("(b) energy lost at the end", float(jnp.abs(ours[-1])), final, unit="J"),
        Row("(b) RK4 at h / 2 (equal cost): its loss over midpoint's amplitude",
            ends[0] / largest, bar="> 1", holds=ends[0] > largest),
        Row("(b) RK4 at h / 2: loss at the end over half-way (linear: 2)", growth,
            bar="2 within .2", holds=abs(growth - 2) <= 0.2),
    ]  # fmt: skip
    curves = {
        "variational midpoint": (ts, ours),
        "RK4": (ts, rough),
        "RK4 at half the step": (fine_ts, fine),
    }
    return rows, {name: tuple(np.asarray(part) for part in c) for name, c in curves.items()}


def run(settings: Settings) -> Result:
    """Mechanics, control, and weights as controls."""
    routes, errors = _routes(settings)
    long_run, energies = _long_run(settings)
    controls, paths = control.closed_forms(settings)
    boundary = control.boundary(settings)
    network = control.network(settings)
    if settings.figures is not None:
        settings.save_figure(figures.routes(errors), "routes")
        settings.save_figure(figures.energies(energies), "energy")
        settings.save_figure(figures.controls(paths), "controls")
        settings.save_figure(figures.least_time(paths), "least-time")
    return Result(
        [*routes, *long_run, *controls, *boundary, *network],
        (
            "(a), (b), (c) are deterministic: their rows hold one number, (d) one a seed",
            "equal cost: a variational midpoint step takes about two of RK4's here",
        ),
    )
