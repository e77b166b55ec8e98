"""Output between the ends of a step, of the order of the step."""

import functools
from typing import Any

import diffrax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array, PyTree


@functools.cache
def output_nodes(order: int) -> tuple[float, ...]:
    """The places in `[0, 1]` whose values and rates determine the output of a method of `order`.

    The Hermite polynomial on `m` nodes errs by `O(h^(2m))`, so `m = ceil(order / 2)` keeps the
    order of the method, and at least both ends are taken. Those of Lobatto's quadrature, between
    which the polynomial errs evenly.
    """
    count = max(2, -(-order // 2))
    inner = np.polynomial.legendre.Legendre.basis(count - 1).deriv().roots() if count > 2 else []
    return (0.0, *(float(root) for root in (1 + np.real(np.asarray(inner))) / 2), 1.0)


class HermiteOutput(diffrax.AbstractLocalInterpolation):
    """The polynomial that takes given values and rates at the nodes of a step.

    `y(t0 + s h) = sum_i [(1 - 2 (s - c_i) l_i'(c_i)) y_i + (s - c_i) h f_i] l_i(s)^2` with the
    Lagrange polynomials `l_i` of the nodes. Continuous with its derivative from step to step.

    **Arguments:** `t0`, `t1`: the ends of the step; `values`, `rates`: the states and `h` times
    their rates, stacked along a first axis over `output_nodes`. A step of no length is constant.
    """

    t0: Any
    t1: Any
    values: PyTree[Array]
    rates: PyTree[Array]

    def evaluate(self, t0, t1=None, left: bool = True) -> PyTree[Array]:
        """The state at `t0`, or the change of the state from `t0` to `t1`."""
        del left
        if t1 is not None:
            ends = self.evaluate(t1), self.evaluate(t0)
            return jtu.tree_map(jnp.subtract, *ends)
        t0, start, end = (jnp.asarray(t, jnp.result_type(self.t1)) for t in (t0, self.t0, self.t1))
        width = end - start
        moved = width != 0
        place = jnp.where(moved, (t0 - start) / jnp.where(moved, width, 1), 0)
        return jtu.tree_map(lambda y, f: _hermite(place, y, f), self.values, self.rates)


def _hermite(place, values, rates):
    count = values.shape[0]
    nodes = np.asarray(output_nodes(2 * count))
    total = values[0]
    for i in range(count):
        others = np.delete(nodes, i)
        slope = float(np.sum(1 / (nodes[i] - others)))
        basis = jnp.ones_like(place)
        for other in others:
            basis = basis * ((place - float(other)) / float(nodes[i] - other))
        offset = place - float(nodes[i])
        of_value = ((1 - 2 * slope * offset) * basis**2).astype(values.dtype)
        of_rate = (offset * basis**2).astype(values.dtype)
        total = total + of_value * (values[i] - values[0]) + of_rate * rates[i]
    return total
