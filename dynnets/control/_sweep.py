"""Successive approximations: states forward, costates backward, controls in between."""

from collections.abc import Callable

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Float, PyTree

from dynnets._core import check_increasing, check_positive, check_size
from dynnets.fields import AbstractField
from dynnets.integrators import rk4, rollout

from ._problem import ControlProblem, Extremal, least_control

State = Float[Array, " d"]


class _Driven(AbstractField):
    """`x' = f(t, x, u(t))` with a control that is given."""

    function: Callable
    control: Callable

    @property
    def structure(self):
        return frozenset()

    def __call__(self, t, x, args=None):
        return self.function(t, x, self.control(t))


class _Sweeps(optx.AbstractFixedPointSolver):
    """The fixed-point iteration of optimistix, its state in the precision of the unknown."""

    rtol: float
    atol: float
    norm: Callable = optx.max_norm

    @property
    def _iteration(self):
        return optx.FixedPointIteration(self.rtol, self.atol, self.norm)

    def init(self, fn, y, *args, **kwargs):
        state = self._iteration.init(fn, y, *args, **kwargs)
        dtype = jnp.result_type(*jax.tree.leaves(y))
        return jax.tree.map(lambda leaf: leaf.astype(dtype), state)

    def step(self, *args, **kwargs):
        return self._iteration.step(*args, **kwargs)

    def terminate(self, *args, **kwargs):
        return self._iteration.terminate(*args, **kwargs)

    def postprocess(self, *args, **kwargs):
        return self._iteration.postprocess(*args, **kwargs)


def forward_backward_sweep(
    problem: ControlProblem,
    start: State,
    ts: Float[Array, " times"],
    controls: PyTree,
    *,
    end: Array | None = None,
    multiplier: float = 1.0,
    damping: float = 0.5,
    penalty: float = 0.0,
    step: Callable = rk4,
    tolerance: float | None = None,
    max_sweeps: int = 2000,
) -> Extremal:
    """Solve Pontryagin's conditions by sweeps: the method of successive approximations.

    One sweep: `x' = f(t, x, u)` forward; `l' = -H_x` backward from `l(T) = Phi_x`; then
    `u <- (1 - a) u + a argmin_u H(t, x, u, l)` at every time, `a` the `damping`. Controls are
    linear between the times, states cubic. An integration either way is stable where shooting is
    not, but the sweeps converge only for short horizons or small `a`. Two remedies:

    - `damping` below one, a descent step on the cost;
    - `penalty` `rho > 0`, the extended method: `argmin_u` of
      `H + rho/2 |x' - f(t, x, u)|^2 + rho/2 |l' + H_x(t, x, u, l)|^2`, which keeps the new control
      near the old one in what it does to both equations.

    **Arguments:**

    - `problem`: a `ControlProblem`; `start`: `x(0)`, `(d,)`; `ts`: times `(n + 1,)`.
    - `controls`: a guess, a pytree with the leading axis `n + 1` in each leaf.
    - `end`: `x(T)`, `(d,)`, NaN where free, by the method of multipliers: `l(T)` gains
      `m + c (x(T) - end)` and `m` grows by `c (x(T) - end)` every sweep, `c` the `multiplier`.
    - `tolerance`: the change of a sweep, absolute and relative, at which they end; by default
      `eps^(2/3)`.

    **Returns** an `Extremal`, differentiable by the implicit function theorem (a dense solve of
    the size of all controls); `converged` is false after `max_sweeps`. Cost of a sweep: two
    rollouts. Raises `ValueError` for mismatched shapes, a damping outside `(0, 1]`, and a penalty
    on a problem whose minimiser is given (the penalised `H` has another one).
    Source: Li, Chen, Tai, E, Maximum Principle Based Algorithms for Deep Learning, JMLR 18, 2018,
    arXiv:1710.09513; Lenhart, Workman, Optimal Control Applied to Biological Models, 2007.
    """
    _check(problem, start, ts, controls, end, multiplier, damping, penalty, max_sweeps)
    if tolerance is None:
        tolerance = float(jnp.finfo(start.dtype).eps) ** (2 / 3)
    target = jnp.full_like(start, jnp.nan) if end is None else end
    free = jnp.isnan(target)

    def missing(x):
        return jnp.where(free, 0, x - jnp.where(free, 0, target))

    def paths(unknown):
        controls, held = unknown
        drive = diffrax.LinearInterpolation(ts, controls).evaluate
        xs = rollout(step, _Driven(problem.field, drive), start, ts).xs
        slopes = jax.vmap(problem.field)(ts, xs, controls)
        final = problem.terminal_costate(xs[-1]) + held + multiplier * missing(xs[-1])
        slope = jax.grad(problem.hamiltonian, argnums=1)
        state = _cubic(ts, xs, slopes).evaluate

        def back(t, costate, control):  # time runs from T to 0
            return slope(ts[-1] - t, state(ts[-1] - t), control, costate)

        field = _Driven(back, lambda t: drive(ts[-1] - t))
        costates = rollout(step, field, final, ts[-1] - ts[::-1]).xs[::-1]
        return xs, costates

    def sweep(unknown, _):
        controls, held = unknown
        xs, costates = paths(unknown)
        best = _best_controls(problem, penalty, ts, xs, costates, controls)
        new = jax.tree.map(lambda u, b: u + damping * (b - u), controls, best)
        # free components hold nothing: a multiplier that stands still has no implicit derivative
        return new, jnp.where(free, 0, held + multiplier * missing(xs[-1]))

    solution = optx.fixed_point(
        sweep,
        _Sweeps(rtol=tolerance, atol=tolerance),
        (controls, jnp.zeros_like(start)),
        max_steps=max_sweeps,
        throw=False,
    )
    xs, costates = paths(solution.value)
    converged = solution.result == optx.RESULTS.successful
    return Extremal(ts, xs, costates, solution.value[0], converged)


def _best_controls(problem, penalty, ts, xs, costates, controls):
    """The minimising control at every time, near `controls` where there is a penalty."""
    if not penalty:
        return jax.vmap(problem.optimal_control)(ts, xs, costates)
    slope = jax.grad(problem.hamiltonian, argnums=1)

    def best(t, x, costate, old):
        flow, pull = problem.field(t, x, old), slope(t, x, old, costate)

        def penalised(t, x, u, costate):
            gaps = problem.field(t, x, u) - flow, slope(t, x, u, costate) - pull
            squares = sum(jnp.sum(gap**2) for gap in gaps)
            return problem.hamiltonian(t, x, u, costate) + penalty / 2 * squares

        return least_control(penalised, t, x, costate, old)

    return jax.vmap(best)(ts, xs, costates, controls)


def _cubic(ts, xs, slopes) -> diffrax.CubicInterpolation:
    """The cubic through states and slopes at every time."""
    h = jnp.diff(ts)[:, None]
    mean = jnp.diff(xs, axis=0) / h
    second = (3 * mean - 2 * slopes[:-1] - slopes[1:]) / h
    third = (slopes[:-1] + slopes[1:] - 2 * mean) / h**2
    return diffrax.CubicInterpolation(ts, (third, second, slopes[:-1], xs[:-1]))


def _check(problem, start, ts, controls, end, multiplier, damping, penalty, max_sweeps):
    check_increasing("ts", ts)
    check_size("the number of times", ts.shape[0], 2)
    check_positive("multiplier", multiplier)
    check_size("max_sweeps", max_sweeps)
    if not 0 < damping <= 1:
        raise ValueError(f"damping must be in (0, 1], got {damping}")
    if not penalty >= 0:
        raise ValueError(f"penalty must not be negative, got {penalty}")
    if penalty and problem.minimiser is not None:
        raise ValueError(
            f"a penalty {penalty} changes the minimiser that was given: leave it out of the "
            "problem (and give control), or use damping"
        )
    if end is not None and end.shape != start.shape:
        raise ValueError(f"end must have shape {start.shape}, got {end.shape}")
    counts = {leaf.shape[0] for leaf in jax.tree.leaves(controls)}
    if counts != {ts.shape[0]}:
        raise ValueError(f"{ts.shape[0]} times were given for controls {sorted(counts)}")
    if not all(eqx.is_inexact_array(leaf) for leaf in jax.tree.leaves(controls)):
        raise ValueError("controls must be arrays of floating-point numbers")
