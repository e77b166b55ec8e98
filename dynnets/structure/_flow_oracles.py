"""The infinitesimal statement of each tag: what a field must satisfy at every state so that its
exact flow keeps the tag.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    SUM,
    SYMPLECTIC,
    VOLUME,
    Tag,
    canonical_matrix,
    check_phase_dim,
)

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


def _symplectic(field, t, x, args=None):
    check_phase_dim("the state's dimension", x.shape[0])
    slope = _slope(field, t, x, args)
    hessian = canonical_matrix(x.shape[0] // 2, x.dtype).T @ slope
    return FlowDefect(jnp.abs(hessian - hessian.T).max(), jnp.abs(hessian).max())


def _poisson(field, t, x, args=None):
    slope, matrix = _slope(field, t, x, args), field.matrix
    product = slope @ matrix
    size = (jnp.abs(slope) @ jnp.abs(matrix)).max()
    return FlowDefect(jnp.abs(product - product.T).max(), size)


def _volume(field, t, x, args=None):
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


def _energy(field, t, x, args=None):
    power, size = _power(field, t, x, args)
    return FlowDefect(jnp.abs(power), size)


def _dissipative(field, t, x, args=None):
    return FlowDefect(*_power(field, t, x, args))


def _momentum(field, t, x, args=None):
    weights = momentum_weights(field, x)
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(weights @ rate).max(), (jnp.abs(weights) @ summed).max())


def _norm(field, t, x, args=None):
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(jnp.sum(x * rate)), jnp.sum(jnp.abs(x) * summed))


def _sum(field, t, x, args=None):
    rate, summed = _rate(field, t, x, args)
    return FlowDefect(jnp.abs(jnp.sum(rate)), jnp.sum(summed))


def _orthogonal(field, t, x, args=None):
    rate, summed = _rate(field, t, x, args)
    product = x.T @ rate
    return FlowDefect(jnp.abs(product + product.T).max(), 2 * (jnp.abs(x).T @ summed).max())


def _non_expansive(field, t, x, args=None):
    slope = _slope(field, t, x, args)
    return FlowDefect(jnp.linalg.eigvalsh(slope + slope.T)[-1], jnp.linalg.norm(slope))


FLOW_ORACLES: dict[Tag, Callable] = {
    SYMPLECTIC: _symplectic,
    POISSON: _poisson,
    VOLUME: _volume,
    ENERGY: _energy,
    MOMENTUM: _momentum,
    DISSIPATIVE: _dissipative,
    NORM: _norm,
    SUM: _sum,
    ORTHOGONAL: _orthogonal,
    NON_EXPANSIVE: _non_expansive,
}
"""The infinitesimal statement of each tag: `oracle(field, t, x, args=None) -> FlowDefect`.

SYMMETRIC and REVERSIBLE, which speak of steps and not of fields, have none."""


FLOW_DEFECTS: dict[Tag, str] = {
    SYMPLECTIC: "max |S - S^T|, S = J^T Df",
    POISSON: "max |P - P^T|, P = Df B",
    VOLUME: "|div f|",
    ENERGY: "|dH/dt| of the field's energy along it",
    MOMENTUM: "largest force on all bodies together",
    DISSIPATIVE: "largest dH/dt of the field's energy along it, without input",
    NORM: "|x . f|",
    SUM: "|sum of f|",
    ORTHOGONAL: "max |Q^T F + F^T Q|",
    NON_EXPANSIVE: "largest eigenvalue of Df + Df^T",
}
"""What each oracle of a field measures, in words."""
