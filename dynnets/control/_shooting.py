"""Shooting: Pontryagin's boundary value problem as equations for the initial costate."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from dynnets._core import (
    check_finite,
    check_positive,
    check_size,
    join_phase,
    newton,
    split_phase,
    update_scale,
)
from dynnets.energies import AbstractEnergy
from dynnets.fields import HamiltonianField
from dynnets.integrators import rk4, rollout

from ._problem import ControlProblem, Extremal, fixed_control_gradient

State = Float[Array, " d"]


def shoot(
    problem: ControlProblem,
    start: State,
    ts,
    *,
    end: Array | None = None,
    guess: Array | None = None,
    step: Callable = rk4,
    max_steps: int = 50,
) -> Extremal:
    """Solve Pontryagin's conditions for the initial costate `l(0)` by Newton's method.

    Integrates `x' = H_l`, `l' = -H_x` at the minimising control forward, and solves the conditions
    at the end: `x_i(T) = end_i` where it is given, `l_i(T) = (Phi_x)_i` where it is free.

    **Arguments:**

    - `problem`: a `ControlProblem`; `start`: `x(0)`, `(d,)`.
    - `ts`: times `(n + 1,)` or a pair `(h, n)`, as `rollout` takes them.
    - `end`: `x(T)`, `(d,)`, NaN in the components that are free; `None`: all are.
    - `guess`: `l(0)`, by default zero; `step`: the integrator, on `HamiltonianField`.
    - `max_steps`: the largest number of Newton's iterations.

    **Returns** an `Extremal`, differentiable by the implicit function theorem; NaN and not
    `converged` where Newton fails: costates of long horizons grow exponentially, for which
    `forward_backward_sweep` is the remedy. Cost of an update: a rollout with `d` tangents. Raises
    `ValueError` for mismatched shapes. Source: Stoer, Bulirsch, Introduction to Numerical
    Analysis, 2002, 7.3.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.control import ControlProblem, Extremal, MinimisedHamiltonian, shoot
    >>> problem = ControlProblem(
    ...     lambda t, x, u: jnp.stack([x[1], u]), lambda t, x, u: u**2 / 2,
    ...     minimiser=lambda t, x, l: -l[1],
    ... )
    >>> rest = shoot(problem, jnp.array([0.0, 0.0]), (0.1, 10), end=jnp.array([1.0, 0.0]))
    >>> bool(jnp.allclose(rest.controls, 6 - 12 * rest.ts, atol=1e-4))
    True
    >>> least = MinimisedHamiltonian(problem)
    >>> x = jnp.concatenate([rest.xs[0], rest.costates[0]])
    >>> isinstance(rest, Extremal), least(0.0, x).shape
    (True, ())

    ```
    """
    check_size("max_steps", max_steps)
    for name, given in (("end", end), ("guess", guess)):
        if given is not None and given.shape != start.shape:
            raise ValueError(f"{name} must have shape {start.shape}, got {given.shape}")
    field = HamiltonianField(problem.energy)
    target = jnp.full_like(start, jnp.nan) if end is None else end
    free = jnp.isnan(target)
    guess = jnp.zeros_like(start) if guess is None else guess

    def reached(costate):
        """What the conditions compare: reached values and wanted ones."""
        x, last = split_phase(rollout(step, field, join_phase(start, costate), ts).xs[-1])
        wanted = jnp.where(free, problem.terminal_costate(x), jnp.where(free, 0, target))
        return jnp.where(free, last, x), wanted

    def residual(costate):
        found, wanted = reached(costate)
        return found - wanted

    size = update_scale(jax.jacfwd(residual)(guess), guess, *reached(guess))
    costate = newton(residual, guess, size, max_steps)
    converged = jnp.isfinite(costate).all()
    orbit = rollout(step, field, join_phase(start, jnp.where(converged, costate, guess)), ts)
    xs, costates = jax.vmap(split_phase)(jnp.where(converged, orbit.xs, jnp.nan))
    controls = jax.vmap(problem.optimal_control)(orbit.ts, xs, costates)
    return Extremal(orbit.ts, xs, costates, controls, converged)


class _AtControl(AbstractEnergy):
    """`H(t, x, u, l)` at a control that is held."""

    problem: ControlProblem
    control: PyTree

    def __call__(self, t, x):
        state, costate = split_phase(x)
        return self.problem.hamiltonian(t, state, self.control, costate)

    def gradient(self, t, x):
        state, costate = split_phase(x)
        return fixed_control_gradient(self.problem, t, state, self.control, costate)


def bang_bang(
    problem: ControlProblem,
    arcs: PyTree,
    start: State,
    end: Array,
    durations: Float[Array, " arcs"],
    costate: Array,
    *,
    steps: int = 20,
    step: Callable = rk4,
    max_steps: int = 50,
) -> Extremal:
    """Time-optimal control by a given sequence of constant controls: when to switch.

    Unknown are the duration of every arc and `l(0)`; the conditions are `x(T) = end`, equal `H` of
    both controls at every switch, and `H = 0` at the end, whose time is free. Smooth in the
    unknowns, where plain shooting is not: within an arc the control does not change. That the
    sequence is the right one shows in the result: its durations are positive, and `H` is least at
    the control of each arc.

    **Arguments:**

    - `problem`: with the running cost 1 for the least time; its minimiser is not asked.
    - `arcs`: the controls in order, each leaf with the leading axis `m`.
    - `start`, `end`: `x(0)` and `x(T)`, `(d,)`; `durations`: a guess, `(m,)`, positive, and
      `costate`: a guess of `l(0)`.
    - `steps`: how many steps an arc is made of; `max_steps`: the largest number of Newton's
      iterations.

    **Returns** an `Extremal` with `m (steps + 1)` times, both sides of a switch included; NaN and
    not `converged` where Newton fails. Raises `ValueError` for mismatched shapes, and guesses of
    durations that are not positive.
    Source: Pontryagin et al., The Mathematical Theory of Optimal Processes, 1962, I.
    """
    check_size("steps", steps)
    for name, given in (("end", end), ("costate", costate)):
        if given.shape != start.shape:
            raise ValueError(f"{name} must have shape {start.shape}, got {given.shape}")
    counts = {leaf.shape[0] for leaf in jax.tree.leaves(arcs)}
    if counts != {durations.shape[0]}:
        raise ValueError(f"{durations.shape[0]} durations were given for arcs {sorted(counts)}")
    check_finite("durations", durations)
    if not isinstance(durations, jax.core.Tracer):
        check_positive("the least duration", min(durations.tolist()))

    def along(unknown):
        """All arcs: times and states `(m, steps + 1, ...)`."""
        lengths, first = unknown[: durations.shape[0]], unknown[durations.shape[0] :]

        def arc(carry, part):
            t0, x = carry
            control, length = part
            ts = t0 + length * jnp.linspace(0.0, 1.0, steps + 1, dtype=x.dtype)
            field = HamiltonianField(_AtControl(problem, control))
            xs = rollout(step, field, x, ts).xs
            return (ts[-1], xs[-1]), (ts, xs)

        begin = (jnp.zeros((), start.dtype), join_phase(start, first))
        return jax.lax.scan(arc, begin, (arcs, lengths))[1]

    def residual(unknown):
        ts, xs = along(unknown)

        def energy(t, x, control):
            return _AtControl(problem, control)(t, x)

        at_ends = jax.vmap(energy)(ts[:, -1], xs[:, -1], arcs)
        after = jax.tree.map(lambda leaf: leaf[1:], arcs)
        switched = jax.vmap(energy)(ts[:-1, -1], xs[:-1, -1], after)
        final = split_phase(xs[-1, -1])[0]
        return jnp.concatenate([final - end, at_ends[:-1] - switched, at_ends[-1:]])

    unknown = jnp.concatenate([durations, costate])
    found = newton(residual, unknown, jnp.abs(unknown).max(), max_steps)
    converged = jnp.isfinite(found).all()
    ts, xs = along(jnp.where(converged, found, unknown))
    ts, xs = ts.reshape(-1), jnp.where(converged, xs, jnp.nan).reshape(-1, 2 * start.shape[0])
    controls = jax.tree.map(lambda leaf: jnp.repeat(leaf, steps + 1, axis=0), arcs)
    states, costates = jax.vmap(split_phase)(xs)
    return Extremal(ts, states, costates, controls, converged)
