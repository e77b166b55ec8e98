"""The infinitesimal statement of each tag: what a field must satisfy at every state so that its
exact flow keeps the tag.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import canonical_matrix, check_phase_dim

from ._cancellation import momentum_weights


class FlowDefect(NamedTuple):
    """`defect`: zero, or for an inequality at most zero, where the statement holds at a state.

    `size`: of the numbers that cancel in it, which is that of a defect that is total.
    """

    defect: Array
    size: Array


def _slope(field, t, x, args):
    return jax.jacfwd(lambda y: field(t, y, args))(x)


def _rate(field, t, x, args):
    """`f` and, component by component, what it is summed from: `|f| + |Df| |x|`."""
    value = field(t, x, args)
    slope = _slope(field, t, x, args).reshape(value.size, x.size)
    summed = jnp.abs(value) + (jnp.abs(slope) @ jnp.abs(x.ravel())).reshape(value.shape)
    return value, summed


def symplectic_rate(field, t, x, args=None):
    """`max |S - S^T|` of `S = J^T Df`."""
    check_phase_dim("the state's dimension", x.shape[0])
    slope = _slope(field, t, x, args)
    hessian = canonical_matrix(x.shape[0] // 2, x.dtype).T @ slope
    return FlowDefect(jnp.abs(hessian - hessian.T).max(), jnp.abs(hessian).max())


def poisson_rate(field, t, x, args=None):
    """`max |P - P^T|` of `P = Df B`, by the field's own matrix."""
    slope, matrix = _slope(field, t, x, args), field.matrix
    product = slope @ matrix
    size = (jnp.abs(slope) @ jnp.abs(matrix)).max()
    return FlowDefect(jnp.abs(product - product.T).max(), size)


def volume_rate(field, t, x, args=None):
    """`|div f|`."""
    slope = _slope(field, t, x, args)
    size = jnp.sum(jnp.abs(jnp.diagonal(slope))) + jnp.abs(slope).max()
    return FlowDefect(jnp.abs(jnp.trace(slope)), size)


def _power(field, t, x, args):
    """`grad H . f`, and what it is summed from when either factor is rounded."""
    energy = field.energy
    rate, summed = _rate(field, t, x, args)
    steep = energy.gradient(t, x)
    curved = jax.jacfwd(lambda y: energy.gradient(t, y))(x)
    steeper = jnp.abs(steep) + jnp.abs(curved) @ jnp.abs(x)
    size = jnp.sum(jnp.abs(steep) * summed + steeper * jnp.abs(rate))
    return jnp.sum(steep * rate), size


def energy_rate(field, t, x, args=None):
    """`|dH/dt|` of the field's energy along it."""
    power, size = _power(field, t, x, args)
    return FlowDefect(jnp.abs(power), size)


def dissipative_rate(field, t, x, args=None):
    """The largest `dH/dt` of the field's energy along it, without input."""
    return FlowDefect(*_power(field, t, x, args))


def momentum_rate(field, t, x, args=None):
    """The largest force on all bodies together."""
    weights = momentum_weights(field, x)
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(weights @ rate).max(), (jnp.abs(weights) @ summed).max())


def norm_rate(field, t, x, args=None):
    """`|x . f|`."""
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(jnp.sum(x * rate)), jnp.sum(jnp.abs(x) * summed))


def sum_rate(field, t, x, args=None):
    """`|sum of f|`."""
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(jnp.sum(rate)), jnp.sum(summed))


def orthogonal_rate(field, t, x, args=None):
    """`max |Q^T F + F^T Q|`."""
    rate, summed = _rate(field, t, x, args)
    product = x.T @ rate
    return FlowDefect(jnp.abs(product + product.T).max(), 2 * (jnp.abs(x).T @ summed).max())


def non_expansive_rate(field, t, x, args=None):
    """The largest eigenvalue of `Df + Df^T`."""
    slope = _slope(field, t, x, args)
    return FlowDefect(jnp.linalg.eigvalsh(slope + slope.T)[-1], jnp.linalg.norm(slope))
