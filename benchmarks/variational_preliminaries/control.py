"""Optimal controls with closed forms, motions between two places, a network trained by costates."""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
from jaxtyping import Array

from benchmarks.harness import Row, Settings, at_least, at_most
from dynnets.control import (
    ControlProblem,
    bang_bang,
    forward_backward_sweep,
    forward_states,
    hamiltonian_gradient,
    layered_cost,
    shoot,
    stationary_path,
)
from dynnets.integrators import Gauss, discrete_euler_lagrange
from dynnets.training import fit

REST, GOAL = jnp.zeros(2), jnp.array([1.0, 0.0])


def cart(t, x, u):
    """The double integrator `x'' = u`."""
    return jnp.stack([x[1], u])


def _effort(t, x, u):
    return u**2 / 2


def closed_forms(settings: Settings) -> tuple[list[Row], dict]:
    """(c): rest to rest, the linear regulator, and the least time; rows and curves of controls."""
    ts = jnp.linspace(0.0, 1.0, 101)
    problem = ControlProblem(cart, _effort, control=jnp.zeros(()), quadratic=True)
    exact = 6 - 12 * ts
    guess = jnp.zeros_like(ts)
    solvers = {
        "shooting": lambda: shoot(problem, REST, ts, end=GOAL),
        "sweeps, damped": lambda: forward_backward_sweep(
            problem, REST, ts, guess, end=GOAL, multiplier=5.0, damping=0.2, tolerance=1e-13,
        ),
        "sweeps, extended": lambda: forward_backward_sweep(
            problem, REST, ts, guess, end=GOAL, multiplier=5.0, damping=1.0, penalty=8.0,
            tolerance=1e-13,
        ),
    }  # fmt: skip
    rows, paths = [], {"exact": (ts, exact)}
    for name, solve in solvers.items():
        with settings.clock(f"(c) double integrator by {name}"):
            found = jax.block_until_ready(jax.jit(solve)())
        paths[name] = (ts, found.controls)
        error = float(jnp.abs(found.controls - exact).max())
        energies = found.hamiltonians(problem)
        rows += [
            at_most(f"(c) double integrator by {name}: control against 6 - 12 t", error, 1e-10),
            at_most(f"(c) {name}: cost against 6", abs(float(found.cost(problem)) - 6), 1e-10),
            at_most(f"(c) {name}: change of H", float(jnp.ptp(energies)), 1e-10),
        ]
    rows += [_regulator(settings), *_least_time(settings, paths)]
    curves = {name: (np.asarray(t), np.asarray(u)) for name, (t, u) in paths.items()}
    return rows, curves


def _regulator(settings: Settings) -> Row:
    """`x' = a x + b u`: the control of the Riccati equation in closed form."""
    a, b, q, r = 0.5, 1.2, 2.0, 0.7
    ts = jnp.linspace(0.0, 1.0, 41)
    problem = ControlProblem(
        lambda t, x, u: a * x + b * u,
        lambda t, x, u: (q * jnp.sum(x**2) + r * jnp.sum(u**2)) / 2,
        control=jnp.zeros(1),
        quadratic=True,
    )
    with settings.clock("(c) linear regulator by shooting"):
        found = jax.jit(lambda: shoot(problem, jnp.ones(1), ts, step=Gauss(3)))()
    root, left = (a**2 + b**2 * q / r) ** 0.5, 1 - ts
    riccati = q * jnp.sinh(root * left) / (root * jnp.cosh(root * left) - a * jnp.sinh(root * left))
    gap = jnp.abs(found.controls[:, 0] + b / r * riccati * found.xs[:, 0]).max()
    return at_most("(c) linear regulator: control against Riccati's", float(gap), 1e-9)


def _least_time(settings: Settings, paths: dict) -> list[Row]:
    """`|u| <= 1` from (1, 0) to rest: two units of time, one switch at 1."""
    problem = ControlProblem(
        cart, lambda t, x, u: jnp.ones(()), minimiser=lambda t, x, costate: -jnp.sign(costate[1])
    )
    guess = {"durations": jnp.array([0.7, 1.6]), "costate": jnp.array([0.5, 0.5])}
    with settings.clock("(c) least time"):
        found = jax.jit(lambda: bang_bang(problem, jnp.array([-1.0, 1.0]), GOAL, REST, **guess))()
    paths["least time"] = (found.ts, jnp.column_stack([found.xs, found.controls]))
    switch = float(found.ts[found.ts.shape[0] // 2])
    return [
        at_most("(c) least time: error of T", abs(float(found.ts[-1]) - 2), 1e-10),
        at_most("(c) least time: error of the switch", abs(switch - 1), 1e-10),
    ]


def boundary(settings: Settings) -> list[Row]:
    """A motion past a conjugate point, and what the block tridiagonal solve saves."""
    duration, n = 4.0, settings.scaled(400, fast=20)
    start, end = jnp.array([0.3, -0.2]), jnp.array([0.1, 0.9])

    def oscillator(t, q, v):
        return jnp.sum(v**2) / 2 - jnp.sum(q**2) / 2

    solve = jax.jit(lambda: stationary_path(oscillator, start, end, (duration / n, n)).xs[:, :2])
    ts = duration / n * jnp.arange(n + 1)[:, None]
    exact = (start[None] * jnp.sin(duration - ts) + end[None] * jnp.sin(ts)) / jnp.sin(duration)

    def equations(inner):
        path = jnp.concatenate([start[None], inner.reshape(n - 1, 2), end[None]])
        return discrete_euler_lagrange(oscillator, path, duration / n).ravel()

    straight = (start[None] + (end - start)[None] * ts / duration)[1:-1].ravel()
    dense = jax.jit(
        lambda x: x - jnp.linalg.solve(jax.jacfwd(equations)(x), equations(x))
    )  # one Newton update: the equations are linear here
    ours, other = _seconds(solve), _seconds(lambda: dense(straight))
    error = float(jnp.abs(solve() - exact).max())
    return [
        at_most(f"motion between two places, T = 4 > pi, {n} steps: error", error, 1e-4),
        Row("seconds, all updates", ours, {"one dense update": other}, unit="s"),
    ]


def _seconds(function, repeats: int = 5) -> float:
    jax.block_until_ready(function())
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times.append(time.perf_counter() - start)
    return sorted(times)[repeats // 2]


class _Weights(eqx.Module):
    """The weights of all layers: what `fit` trains."""

    layers: dict[str, Array]


def _layer(x, weights):
    return x + 0.1 * jnp.tanh(weights["w"] @ x + weights["b"])


def network(settings: Settings) -> list[Row]:
    """(d): a residual net of 20 layers in float32, trained by costates and by backpropagation."""
    depth, width, count = 20, 8, 128
    updates = settings.scaled(400, fast=10)
    gaps, ends, others, starts = [], [], [], []
    for seed in settings.seeds:
        keys = jr.split(jr.key(seed), 3)
        points = jr.normal(keys[0], (width, count), jnp.float32)
        wanted = jnp.tanh(points[:1] * points[1:2])
        weights = {
            "w": jr.normal(keys[1], (depth, width, width), jnp.float32) / width**0.5,
            "b": jnp.zeros((depth, width, 1), jnp.float32),
        }

        def misfit(x, wanted=wanted):
            return jnp.mean((x[:1] - wanted) ** 2)

        def by_costates(model, batch, *, key, misfit=misfit, points=points):
            return layered_cost(_layer, model.layers, points, misfit)

        def by_backpropagation(model, batch, *, key, misfit=misfit, points=points):
            return misfit(forward_states(_layer, model.layers, points)[-1])

        trained = {}
        for name, loss in (("costates", by_costates), ("backprop", by_backpropagation)):
            with settings.clock(f"(d) training by {name}"):
                trained[name] = fit(
                    _Weights(weights), loss, points.T, optax.adam(1e-2), steps=updates, key=keys[2]
                ).model
        gaps.append(max(_gradient_gap(w, points, misfit) for w in _along(weights, trained)))
        starts.append(float(by_backpropagation(_Weights(weights), None, key=None)))
        ends.append(float(by_backpropagation(trained["costates"], None, key=None)))
        others.append(float(by_backpropagation(trained["backprop"], None, key=None)))
    return [
        at_most("(d) 20 layers, float32: costate gradient against backprop's", gaps, 1e-6),
        Row("(d) loss after training by costates", ends, {"backprop": others, "before": starts}),
        at_least("(d) fall of the loss", [a / b for a, b in zip(starts, ends, strict=True)], 5),
    ]


def _along(weights, trained):
    """Weights before, half-way and after training."""
    after = trained["costates"].layers
    return [weights, jax.tree.map(lambda a, b: (a + b) / 2, weights, after), after]


def _gradient_gap(weights, points, misfit) -> float:
    """The largest difference of both gradients over the largest entry."""
    found = jax.jit(lambda w: hamiltonian_gradient(_layer, w, points, misfit))(weights)
    true = jax.jit(jax.grad(lambda w: misfit(forward_states(_layer, w, points)[-1])))(weights)
    gap = jax.tree.map(lambda a, b: jnp.abs(a - b).max() / jnp.abs(b).max(), found, true)
    return max(float(leaf) for leaf in jax.tree.leaves(gap))
