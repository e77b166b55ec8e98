"""Variational integrators: steps that come from a discrete Lagrangian, hence symplectic.

A discrete Lagrangian `Ld(q0, q1)` approximates the action over one step. Its map in
position-momentum form, `p0 = -D1 Ld(q0, q1)`, `p1 = D2 Ld(q0, q1)`, is symplectic whatever `Ld`
is, and keeps the momentum of every symmetry of `Ld`. Rules here give the mean Lagrangian
`l(q0, q1, v) = Ld / h` with the mean velocity `v = (q1 - q0) / h` as an argument of its own:
`p0 = l_v - h l_q0` and `p1 = l_v + h l_q1`, free of the cancellation in `Ld`.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import MOMENTUM, SYMPLECTIC, VOLUME, check_size, join_phase, split_phase

from ._implicit import each_state, newton
from ._step import AbstractStep, StepInfo, check_parts


def midpoint_lagrangian(lagrangian: Callable, t, q0, q1, v, h) -> Array:
    """`L(t + h/2, (q0 + q1) / 2, v)`: the midpoint rule, order 2, symmetric."""
    return lagrangian(t + 0.5 * h, (q0 + q1) / 2, v)


def trapezoidal_lagrangian(lagrangian: Callable, t, q0, q1, v, h) -> Array:
    """`(L(t, q0, v) + L(t + h, q1, v)) / 2`: for `v M v / 2 - V(q)` it is Stormer-Verlet."""
    return (lagrangian(t, q0, v) + lagrangian(t + h, q1, v)) / 2


class VariationalStep(AbstractStep):
    """The step of a discrete Lagrangian on states `(q, p)`, solved to round-off.

    `p0 = l_v - h l_q0` is solved for `v` with `q1 = q0 + h v`, then `p1 = l_v + h l_q1`.

    Preserves: the symplectic form for every `h` and every rule; total momentum where the
    Lagrangian is invariant under translations. The field offers `lagrangian(t, q, v)`; the
    Hamiltonian is never needed.

    **Arguments:** `rule`: `l(lagrangian, t, q0, q1, v, h)` such as `midpoint_lagrangian`, a
    function of the library or of your own; `order`, `symmetric`: of the rule; `max_steps`: of
    Newton. No convergence, or a Lagrangian without mass (`l_vv` singular), gives NaN. Raises
    `ValueError` for fields without `lagrangian` and a `rule` that is not callable. Cost: about 3
    Hessians of the rule, a solve of size `n` each. Source: Marsden, West, Discrete mechanics and
    variational integrators, Acta Numerica 10, 2001.
    """

    rule: Callable
    order: int = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __init__(
        self,
        rule=midpoint_lagrangian,
        *,
        order: int = 2,
        symmetric: bool = True,
        max_steps: int = 20,
    ):
        if not callable(rule):
            raise ValueError(
                f"rule must be a function l(lagrangian, t, q0, q1, v, h), got {rule!r}"
            )
        check_size("order", order)
        check_size("max_steps", max_steps)
        self.rule, self.order, self.symmetric = rule, order, symmetric
        self.max_steps = max_steps

    @property
    def info(self):
        """`StepInfo`: the order of the rule, needs `lagrangian`, symplectic."""
        name = getattr(self.rule, "__name__", type(self.rule).__name__)
        return StepInfo(
            name=f"VariationalStep({name})",
            order=self.order,
            needs=frozenset({"lagrangian"}),
            keeps=frozenset({SYMPLECTIC, VOLUME, MOMENTUM}),
            symmetric=self.symmetric,
            invertible=False,
            evaluations=None,
            condition="the solve converges (else NaN)",
            source="Marsden, West, Acta Numerica 10, 2001",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without `lagrangian`."""
        return check_parts(self, field)

    def advance(self, field, t, x, h, args, memory):
        """Solve for the mean velocity from the rate of the field."""
        return each_state(lambda y, u: self._one(field, t, y, h, u), field, x, args), None

    def _one(self, field, t, x, h, args):
        def mean(q0, q1, v):
            return self.rule(field.lagrangian, t, q0, q1, v, h)

        q, p = split_phase(x)
        slopes = jax.grad(mean, argnums=(0, 1, 2))

        def residual(v):
            before, _, momentum = slopes(q, q + h * v, v)
            return momentum - h * before - p

        guess = split_phase(field(t, x, args))[0]
        size = jnp.maximum(jnp.abs(guess).max(), jnp.abs(p).max())
        v = newton(residual, guess, size, self.max_steps)
        _, after, momentum = slopes(q, q + h * v, v)
        return join_phase(q + h * v, momentum + h * after)


variational_midpoint = VariationalStep(midpoint_lagrangian)
"""The midpoint discrete Lagrangian: the implicit midpoint rule where `L = v M v / 2 - V(q)`."""

variational_trapezoid = VariationalStep(trapezoidal_lagrangian)
"""The trapezoidal discrete Lagrangian: Stormer-Verlet where `L = v M v / 2 - V(q)`."""
