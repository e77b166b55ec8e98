"""How large the numbers are that cancel in each tag's defect: what its round-off is measured by.

A defect is a difference of numbers that would be equal without rounding. What rounding leaves of
it is a number of units of last place of those numbers, at that state: not of the largest numbers
found anywhere, nor of the user's units. Beside them stands the unit of the defect: its size for a
map that has nothing of the property. Where the round-off is not small against the unit, the
defect says nothing.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import canonical_matrix

from ._oracles import one_step_map, total_momentum


class Cancellation(NamedTuple):
    """`size`: of the numbers that cancel in a defect; `unit`: of a defect that is total."""

    size: Array
    unit: Array


def _jacobian(function: Callable, x: Array) -> Float[Array, "out in"]:
    """The Jacobian of a map, states of any shape laid out as vectors."""
    return jax.jacfwd(lambda y: function(y.reshape(x.shape)).ravel())(x.ravel())


def _reach(function: Callable, x: Array) -> Float[Array, " out"]:
    """`|D| |x|`: what every component of the image is summed from."""
    return jnp.abs(_jacobian(function, x)) @ jnp.abs(x.ravel())


def form_cancellation(jacobian: Float[Array, "d d"], form: Float[Array, "d d"]) -> Cancellation:
    """Of `D^T B D - B`: the products of absolute values, against the form itself."""
    steep, form = jnp.abs(jacobian), jnp.abs(form)
    return Cancellation((steep.T @ form @ steep + form).max(), form.max())


def symplectic_size(function, x):
    """Of `D^T J D - J`."""
    return form_cancellation(_jacobian(function, x), canonical_matrix(x.shape[0] // 2, x.dtype))


def volume_size(function, x):
    """Of `log |det D|`: its change is `tr(D^-1 dD)`, independent errors add in squares."""
    jacobian = _jacobian(function, x)
    size = jnp.sqrt(jnp.sum((jnp.linalg.inv(jacobian).T * jacobian) ** 2))
    return Cancellation(size, jnp.ones_like(size))


def norm_size(function, x):
    """Of the relative change of the norm."""
    image = jnp.linalg.norm(function(x).ravel())
    size = 1 + jnp.linalg.norm(_reach(function, x)) / image
    return Cancellation(size, jnp.ones_like(size))


def sum_size(function, x):
    """Of the change of the sum."""
    size = jnp.sum(jnp.abs(x)) + jnp.sum(_reach(function, x))
    return Cancellation(size, size)


def orthogonal_size(function, x):
    """Of `Q'^T Q' - Q^T Q`."""
    after = jnp.abs(function(x))
    sums = after.T @ _reach(function, x).reshape(after.shape) + jnp.abs(x).T @ jnp.abs(x)
    return Cancellation(sums.max(), jnp.sum(x**2, axis=0).max())


def non_expansive_size(function, x):
    """Of the largest Lipschitz ratio above one."""
    size = jnp.linalg.norm(_jacobian(function, x))
    return Cancellation(size, jnp.ones_like(size))


def return_cancellation(there: Callable, back: Callable, x: Array) -> Cancellation:
    """Of `back(there(x)) - x`: what the way back is summed from, against the states."""
    end = there(x)
    size = (_reach(back, end) + jnp.abs(x.ravel())).max()
    return Cancellation(size, jnp.maximum(jnp.abs(x).max(), jnp.abs(end).max()))


def of_step(cancellation: Callable) -> Callable:
    """The `Cancellation` of a step's map."""

    def of_this(step, field, t, x, h, args=None):
        return cancellation(*one_step_map(step, field, t, x, h, args))

    return of_this


def poisson_of_step(step, field, t, x, h, args=None):
    """Of `D B D^T - B`, by the field's own matrix."""
    function, point = one_step_map(step, field, t, x, h, args)
    return form_cancellation(_jacobian(function, point).T, field.matrix)


def energy_of_step(step, field, t, x, h, args=None):
    """Of a change of energy: both values, and what rounding of both states makes of them."""
    function, energy = (lambda y: step(field, t, y, h, args)), field.energy
    end = function(x)
    moved = jnp.sum(jnp.abs(energy.gradient(t + h, end)) * _reach(function, x))
    unit = moved + jnp.sum(jnp.abs(energy.gradient(t, x)) * jnp.abs(x))
    return Cancellation(unit + jnp.abs(energy(t, x)) + jnp.abs(energy(t + h, end)), unit)


def momentum_weights(field, x) -> Float[Array, "space d"]:
    """The momentum as a matrix: `field.momentum`, or the plain sum of the second half."""
    momentum = field.momentum
    return jax.jacfwd((lambda y: total_momentum(y, 1)) if momentum is None else momentum)(x)


def momentum_of_step(step, field, t, x, h, args=None):
    """Of the change of the total momentum."""
    weights = jnp.abs(momentum_weights(field, x))
    reach = _reach(lambda y: step(field, t, y, h, args), x)
    size = (weights @ (reach + jnp.abs(x))).max()
    return Cancellation(size, size)


def symmetry_of_step(step, field, t, x, h, args=None):
    """Of the error of a step there and a step back."""
    there, point = one_step_map(step, field, t, x, h, args)
    back, _ = one_step_map(step, field, t + h, x, -h, args)
    return return_cancellation(there, back, point)


def inverse_of_step(step, field, t, x, h, args=None):
    """Of the error of a step and its inverse."""
    return return_cancellation(
        lambda y: step(field, t, y, h, args), lambda y: step.inverse(field, t, y, h, args), x
    )
