"""Optimal control problems, and Pontryagin's Hamiltonian as an energy."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from dynnets._core import join_phase, split_phase, stationary_point, update_scale
from dynnets.energies import AbstractEnergy

_NEWTON_STEPS = 50


class ControlProblem(eqx.Module):
    """Minimise `int L(t, x, u) dt + Phi(x(T))` over `x' = f(t, x, u)`.

    With the costate `l` and `H(t, x, u, l) = L + l . f`, optimal controls satisfy
    `x' = H_l`, `l' = -H_x`, `u = argmin H`, and `l(T) = Phi_x` where the end is free. This is the
    convention of *minimisation*: `l` is the gradient of the cost to go, and, where `u` are the
    weights of a network, what backpropagation computes. Pontryagin's and Evans' costate, which
    maximises `p . f - L`, is `p = -l`.

    **Arguments:**

    - `field`: `f(t, x, u)`, an `AbstractField` that takes inputs or a function; `x: (d,)`.
    - `running_cost`: `L(t, x, u)`, or `None` for zero; `terminal_cost`: `Phi(x)`, or `None`.
    - `minimiser`: `u(t, x, l)`, the argument of the least `H` where one line gives it: needed for
      bounded controls (`clip`, `sign`). Else `H_u = 0` is solved by Newton's method, which takes
      `H` to be convex in `u`.
    - `control`: a pytree like one control `u`, where Newton's method starts; needed without
      `minimiser`.
    - `quadratic`: the promise that `H` is quadratic and convex in `u` (fields that are affine in
      it, quadratic costs): then one Cholesky solve in place of Newton's method.
    - `reads_time`: whether `f` or `L` depends on `t`.

    Raises `ValueError` without any cost and without both `minimiser` and `control`.
    Source: Pontryagin et al., The Mathematical Theory of Optimal Processes, 1962.
    """

    field: Callable
    running_cost: Callable | None
    terminal_cost: Callable | None = None
    minimiser: Callable | None = None
    control: PyTree = None
    quadratic: bool = eqx.field(default=False, static=True)
    reads_time: bool = eqx.field(default=False, static=True)

    def __check_init__(self):
        if self.running_cost is None and self.terminal_cost is None:
            raise ValueError("a control problem needs a running_cost or a terminal_cost, got None")
        if self.minimiser is None and self.control is None:
            raise ValueError(
                "without a minimiser, control must say what one control looks like, got None"
            )

    def hamiltonian(self, t, x, u, costate) -> Array:
        """`H = L(t, x, u) + l . f(t, x, u)`."""
        flow = jnp.sum(costate * self.field(t, x, u))
        return flow if self.running_cost is None else self.running_cost(t, x, u) + flow

    def optimal_control(self, t, x, costate) -> PyTree:
        """`argmin_u H(t, x, u, l)`: the given minimiser, or the solution of `H_u = 0`."""
        if self.minimiser is not None:
            return self.minimiser(t, x, costate)
        steps = 0 if self.quadratic else _NEWTON_STEPS
        return least_control(self.hamiltonian, t, x, costate, self.control, steps)

    def terminal_costate(self, x) -> Array:
        """`Phi_x`, zero without a terminal cost."""
        return jnp.zeros_like(x) if self.terminal_cost is None else jax.grad(self.terminal_cost)(x)

    @property
    def energy(self) -> "MinimisedHamiltonian":
        """`min_u H` as an energy on `(x, l)`: `HamiltonianField(problem.energy)` is Pontryagin's
        system, which every integrator of the library takes.
        """
        return MinimisedHamiltonian(self)


def least_control(
    function: Callable, t, x, costate, guess: PyTree, max_steps: int = _NEWTON_STEPS
) -> PyTree:
    """The pytree `u` near `guess` at which `function(t, x, u, costate)` is stationary; `max_steps`
    as of `stationary_point`.
    """
    flat, unravel = ravel_pytree(guess)
    fixed = (jnp.asarray(t, x.dtype), x, costate)

    def value(fixed, flat):
        t, x, costate = fixed
        return function(t, x, unravel(flat), costate)

    size = jnp.ones((), x.dtype)
    if max_steps:
        slope, held = jax.grad(value, argnums=1), jax.lax.stop_gradient(fixed)
        size = update_scale(jax.jacfwd(slope, argnums=1)(held, flat), flat, slope(held, flat))
    return unravel(stationary_point(value, fixed, flat, size, max_steps))


class MinimisedHamiltonian(AbstractEnergy):
    """`H*(t, (x, l)) = min_u H(t, x, u, l)` of a `ControlProblem`; constant along extremals of a
    problem that does not read the time.

    Its gradient is `(H_x, f)` at the minimising `u`, by the envelope theorem.
    """

    problem: ControlProblem

    @property
    def autonomous(self):
        """Whether the problem was declared not to read the time."""
        return not self.problem.reads_time

    def __call__(self, t, x: Float[Array, " two_d *batch"]):
        """`min_u H`."""
        if x.ndim == 2:
            return jax.vmap(self, in_axes=(0 if jnp.ndim(t) else None, -1))(t, x)
        state, costate = split_phase(x)
        u = self.problem.optimal_control(t, state, costate)
        return self.problem.hamiltonian(t, state, u, costate)

    def gradient(self, t, x):
        """`(H_x, f)`."""
        if x.ndim == 2:
            t_axis = 0 if jnp.ndim(t) else None
            return jax.vmap(self.gradient, in_axes=(t_axis, -1), out_axes=-1)(t, x)
        state, costate = split_phase(x)
        u = self.problem.optimal_control(t, state, costate)
        return fixed_control_gradient(self.problem, t, state, u, costate)


def fixed_control_gradient(problem: ControlProblem, t, x, u, costate) -> Array:
    """`(H_x, H_l)` at a given control, `(2d,)`."""
    slope = jax.grad(problem.hamiltonian, argnums=1)(t, x, u, costate)
    return join_phase(slope, problem.field(t, x, u))


class Extremal(eqx.Module):
    """A candidate for an optimal control: it satisfies Pontryagin's conditions.

    `ts (n + 1,)`; `xs`, `costates (n + 1, d)`; `controls`: a pytree, each leaf with the leading
    axis `n + 1`, their values at `ts`; `converged`: whether the solver reached its tolerance (the
    numbers are those of its last iterate otherwise, or NaN).
    """

    ts: Float[Array, " times"]
    xs: Float[Array, "times d"]
    costates: Float[Array, "times d"]
    controls: PyTree
    converged: Array

    def hamiltonians(self, problem: ControlProblem) -> Float[Array, " times"]:
        """`H` along the extremal: constant for a problem that does not read the time."""
        return jax.vmap(problem.hamiltonian)(self.ts, self.xs, self.controls, self.costates)

    def cost(self, problem: ControlProblem) -> Array:
        """`int L dt + Phi(x(T))`, by Simpson's rule: cubic states and linear controls between
        the times.
        """
        final = 0 if problem.terminal_cost is None else problem.terminal_cost(self.xs[-1])
        if problem.running_cost is None:
            return jnp.asarray(final, self.xs.dtype)
        h, rates = jnp.diff(self.ts), jax.vmap(problem.field)(self.ts, self.xs, self.controls)
        bend = (rates[:-1] - rates[1:]) * h[:, None] / 8
        halves = jax.tree.map(lambda u: (u[1:] + u[:-1]) / 2, self.controls)
        running = jax.vmap(problem.running_cost)
        at_nodes = running(self.ts, self.xs, self.controls)
        middle = (self.xs[1:] + self.xs[:-1]) / 2 + bend
        between = running((self.ts[1:] + self.ts[:-1]) / 2, middle, halves)
        return jnp.sum(h * (at_nodes[1:] + at_nodes[:-1] + 4 * between)) / 6 + final
