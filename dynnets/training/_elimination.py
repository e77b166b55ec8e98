"""Which coefficients a least-squares fit can do without: masked solves of one static shape."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ._normal_equations import NormalEquations, StepError

RULES = ("standard error", "threshold")


class Reduced(NamedTuple):
    """Least squares with the parameters outside `active` held at zero, in the quadratic model."""

    theta: Float[Array, " K"]
    errors: Float[Array, " K"]
    value: Float[Array, ""]


def scaled_block(equations: NormalEquations, active: Bool[Array, " K"]):
    """The Gram matrix with unit diagonal, the identity outside `active`; and the scales.

    Its extreme eigenvalues are those of the active block, whose mean is one.
    """
    diagonal = jnp.diagonal(equations.gram)
    active = active & (diagonal > 0)
    scale = jnp.where(active, 1 / jnp.sqrt(jnp.where(active, diagonal, 1)), 0)
    matrix = equations.gram * scale[:, None] * scale[None, :]
    return matrix + jnp.diag(1 - jnp.diagonal(matrix)), scale, active


def condition_number(equations: NormalEquations, active):
    """Condition number of the column-scaled Jacobian, and its weakest direction `(K,)`."""
    matrix, scale, used = scaled_block(equations, active)
    values, vectors = jnp.linalg.eigh(matrix)
    smallest = jnp.maximum(values[0], jnp.finfo(matrix.dtype).tiny)
    return jnp.sqrt(values[-1] / smallest), jnp.where(used, vectors[:, 0], 0)


def reduce(equations: NormalEquations, theta, active, count, step: StepError) -> Reduced:
    """Minimise `r^T r + 2 s . d + d^T G d` over `theta + d` that vanishes outside `active`.

    `count`: how many residuals there are; `step`: the error of the steps, whose size is the least
    deviation that a residual is taken to have. `errors`: of `theta`, the root of the sum of
    squares of the standard error and of what the error of the steps moves: being no noise, it is
    not averaged out by more data, and finds terms that undo it.
    """
    dropped = jnp.where(active, 0, -theta)
    matrix, scale, used = scaled_block(equations, active)
    right = -(equations.slope + equations.gram @ dropped) * scale
    inverse = jnp.linalg.inv(matrix)
    move = jnp.where(used, scale * (inverse @ right), dropped)
    value = equations.value + move @ (2 * equations.slope + equations.gram @ move)
    freedom = jnp.maximum(count - jnp.sum(used), 1).astype(value.dtype)
    variance = jnp.maximum(value / freedom, step.size**2)
    moved = inverse @ (step.slope * scale)
    errors = jnp.sqrt(variance * jnp.maximum(jnp.diagonal(inverse), 0) + moved**2) * scale
    return Reduced(theta + move, errors, value)


def eliminate(equations, theta, active, prunable, count, step, cut, rule: str):
    """Drop what does not count and refit the rest, until nothing more goes: `(Reduced, active)`.

    `rule`: by `"standard error"` the prunable parameter of the least `|theta| / error`, one at a
    time while that is below `cut`; by `"threshold"` all with `|theta| < cut` at once. Both stay in
    the quadratic model: no evaluation of the residual.
    """

    def weak(found, active):
        size = jnp.abs(found.theta)
        if rule == "threshold":
            return active & prunable & (size < cut)
        errors = jnp.where(found.errors > 0, found.errors, 1)
        ratio = jnp.where(active & prunable, size / errors, jnp.inf)
        least = jnp.arange(ratio.shape[0]) == jnp.argmin(ratio)
        return least & (ratio < cut)

    def body(state):
        _, active, leaving, _ = state
        active = active & ~leaving
        found = reduce(equations, theta, active, count, step)
        leaving = weak(found, active)
        return found, active, leaving, leaving.any()

    nothing = Reduced(theta, jnp.zeros_like(theta), equations.value)
    state = nothing, active, jnp.zeros_like(active), jnp.asarray(True)
    found, active, *_ = jax.lax.while_loop(lambda state: state[3], body, state)
    return found, active
