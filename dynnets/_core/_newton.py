"""Roots by a damped Newton method, and functions at their stationary points."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optimistix as optx
from jaxtyping import Array, PyTree

_LINEAR = lx.AutoLinearSolver(well_posed=None)


class _DampedNewton(optx.AbstractRootFinder):
    """Newton's method of optimistix; an update that does not lower the residual is halved."""

    rtol: float
    atol: float
    norm: Callable = optx.max_norm
    linear_solver: lx.AbstractLinearSolver = _LINEAR

    @property
    def _newton(self):
        return optx.Newton(self.rtol, self.atol, self.norm, linear_solver=self.linear_solver)

    def init(self, *args, **kwargs):
        return self._newton.init(*args, **kwargs)

    def step(self, fn, y, args, options, state, tags):
        new, state, aux = self._newton.step(fn, y, args, options, state, tags)
        update, least = y - new, jnp.sum(fn(y, args)[0] ** 2)
        settled = jnp.abs(update).max() < self.atol

        def too_long(fraction):
            after = jnp.sum(fn(y - fraction * update, args)[0] ** 2)
            return ~(after <= (1 - 1e-4 * fraction) * least) & ~settled & (fraction > 1e-3)

        fraction = jax.lax.while_loop(too_long, lambda a: a / 2, jnp.ones((), y.dtype))
        return y - fraction * update, state, aux

    def terminate(self, *args, **kwargs):
        return self._newton.terminate(*args, **kwargs)

    def postprocess(self, *args, **kwargs):
        return self._newton.postprocess(*args, **kwargs)


def newton(
    residual: Callable,
    guess: Array,
    scale: Array,
    max_steps: int,
    linear_solver: lx.AbstractLinearSolver = _LINEAR,
) -> Array:
    """The root of `residual` near `guess` to round-off; NaN where the solve does not converge.

    Newton's method ends when an update is below `4 eps^(2/3)` in units of `scale` (the size of
    the unknown): it converges quadratically, so the error left is of the order of `eps^(4/3)`,
    below round-off, and an update need not be resolved below the noise of the residual. Long
    updates are damped, so that steps far longer than the field's time scale converge too.
    Gradients go by the implicit function theorem, not through the iterations. `linear_solver`:
    of lineax, where the Jacobian has a structure. A complex unknown is solved for as the pair of
    its parts, since a residual need not be holomorphic in it.
    """
    if jnp.iscomplexobj(guess):
        parts = jnp.stack([guess.real, guess.imag])

        def of_parts(both):
            value = residual(jax.lax.complex(both[0], both[1]))
            return jnp.stack([value.real, value.imag])

        root = newton(of_parts, parts, jnp.abs(scale), max_steps, linear_solver)
        return jax.lax.complex(root[0], root[1])
    unit = jax.lax.stop_gradient(jnp.where(scale > 0, scale, jnp.ones_like(scale)))
    origin = jax.lax.stop_gradient(guess)
    tolerance = 4 * float(jnp.finfo(guess.dtype).eps) ** (2 / 3)

    def find(function, start):
        solution = optx.root_find(
            lambda u, _: function(u),
            _DampedNewton(rtol=0.0, atol=tolerance, linear_solver=linear_solver),
            start,
            max_steps=max_steps,
            throw=False,
        )
        converged = solution.result == optx.RESULTS.successful
        return jnp.where(converged, solution.value, jnp.nan)

    scaled = lambda u: residual(origin + unit * u) / unit  # noqa: E731
    return origin + unit * implicit_root(scaled, jnp.zeros_like(guess), find, linear_solver)


def implicit_root(
    function: Callable,
    guess: Array,
    find: Callable,
    linear_solver: lx.AbstractLinearSolver = _LINEAR,
) -> Array:
    """The root that `find(function, guess)` returns, with the derivatives of the root.

    They follow the implicit function theorem to every order, forward and reverse, and are not
    finite where the root or the linear solve is not. They never raise: the implicit adjoint of
    optimistix does, from inside a compiled program and in the transposed pass too, whatever
    `throw` is, so that a training could not end with a status of its own.
    """

    def tangent_solve(matvec, right):
        shape = jax.ShapeDtypeStruct(right.shape, right.dtype)
        state = linear_solver.init(lx.FunctionLinearOperator(matvec, shape), {})
        moving, static = eqx.partition(state, eqx.is_array)
        state = eqx.combine(jax.lax.stop_gradient(moving), static)

        def solve(_, right):
            return linear_solver.compute(state, right, {})[0]

        def transpose_solve(_, right):
            turned, options = linear_solver.transpose(state, {})
            return linear_solver.compute(turned, right, options)[0]

        return jax.lax.custom_linear_solve(matvec, right, solve, transpose_solve)

    return jax.lax.custom_root(function, guess, find, tangent_solve)


def update_scale(curvature: Array, guess: Array, *slopes: Array) -> Array:
    """The size of a stationary point: of the guess, and of the updates that the slopes ask for.

    Terms of a slope that cancel each other are given apart, so that the size stays that of the
    terms where their sum is noise. A singular `curvature` counts as zero.
    """
    updates = [jnp.abs(jnp.linalg.solve(curvature, slope)).max() for slope in slopes]
    sizes = jnp.stack([jnp.abs(guess).max(), *updates])
    return jnp.max(jnp.where(jnp.isfinite(sizes), sizes, jnp.zeros_like(sizes)))


def stationary_point(
    function: Callable, arguments: PyTree, guess: Array, scale: Array, max_steps: int
) -> Array:
    """The `w` with `d/dw function(arguments, w) = 0` near `guess`; NaN without convergence.

    `max_steps = 0` promises a function that is quadratic and convex in `w`: one Cholesky solve,
    NaN where the curvature is singular to rounding.
    Differentiable to every order, by the implicit function theorem.
    """
    slope = jax.grad(function, argnums=1)
    if max_steps:
        return newton(lambda w: slope(arguments, w), guess, scale, max_steps)
    curvature = jax.jacfwd(slope, argnums=1)(arguments, guess)
    factor = jax.scipy.linalg.cho_factor(curvature)
    # a pivot of rounding alone passes the factorisation: the least one is then noise
    pivots = jax.lax.stop_gradient(jnp.diagonal(factor[0]) ** 2 / jnp.diagonal(curvature))
    regular = jnp.min(pivots) > 10 * guess.shape[0] * float(jnp.finfo(guess.dtype).eps)
    update = jax.scipy.linalg.cho_solve(factor, slope(arguments, guess))
    return guess - jnp.where(regular, update, jnp.nan)


def stationary_value(
    function: Callable, arguments: PyTree, guess: Array, scale: Array, max_steps: int
) -> Array:
    """`function(arguments, w)` at its stationary point `w`, see `stationary_point`.

    Its derivative is that of `function` at fixed `w` (the envelope theorem), so that a gradient
    costs no more than the solve; second derivatives hold too. `function` may close over arrays
    with gradients of their own.
    """
    function = eqx.filter_closure_convert(function, arguments, guess)
    return _stationary_value(function, arguments, guess, scale, max_steps)


@eqx.filter_custom_jvp
def _stationary_value(function, arguments, guess, scale, max_steps):
    return function(arguments, stationary_point(function, arguments, guess, scale, max_steps))


@_stationary_value.def_jvp
def _envelope(primals, tangents):
    function, arguments, guess, scale, max_steps = primals
    point = stationary_point(function, arguments, guess, scale, max_steps)
    moving = jax.tree.map(lambda t: t is not None, tangents[:2], is_leaf=lambda t: t is None)
    moved, fixed = eqx.partition((function, arguments), moving)

    def at_point(moved):
        function, arguments = eqx.combine(moved, fixed)
        return function(arguments, point)

    return jax.jvp(at_point, (moved,), (tangents[:2],))
