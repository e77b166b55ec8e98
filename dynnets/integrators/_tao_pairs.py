"""Tao's step on pairs of states, carried along a rollout: three evaluations, an exact inverse."""

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import SYMPLECTIC, VOLUME, split_phase

from ._high_order import symmetric_weights
from ._step import AbstractStep, StepInfo, check_parts
from ._tao import Tao


class TaoPairs(AbstractStep):
    """`Tao(omega, order)` as a map of both copies: a step of `TaoField` on `(q, y, p, z)`.

    The same map as `strang` over the flows of a `TaoField`, but the last sub-flow of a step and
    the first of the next one are one evaluation, and each evaluation serves both of its partial
    derivatives: three evaluations a sub-step in a rollout in place of four. `omega` is the
    field's.

    **Arguments:** `order`: even. Raises `ValueError` otherwise.

    Preserves: the symplectic form of the doubled space, exactly, and volume. Symmetric; `inverse`
    is a step of `-h`, so `Reversible()` gradients need no stored trajectory.
    Source: Tao, Physical Review E 94, 2016; Xiong et al., ICLR 2021, arXiv:2010.12636.
    """

    order: int = eqx.field(default=2, static=True)

    def __check_init__(self):
        symmetric_weights(self.order)

    @property
    def info(self):
        """`StepInfo`: even order, needs a `TaoField`, symplectic, invertible."""
        return StepInfo(
            name="Tao on pairs" if self.order == 2 else f"Tao({self.order}) on pairs",
            order=self.order,
            needs=frozenset({"omega"}),
            keeps=frozenset({SYMPLECTIC, VOLUME}),
            symmetric=True,
            invertible=True,
            evaluations=3 * len(symmetric_weights(self.order)),
            condition="a TaoField: two copies of a Hamiltonian system; every h",
            source="Tao, Physical Review E 94, 2016",
        )

    def start(self, field, t, x, h, args=None):
        """The field between the copies, `f(t, (q, z))`."""
        check_parts(self, field)
        (q, _), (_, z) = map(split_phase, split_phase(x))
        return field.field(t, jnp.concatenate([q, z]), args)

    def advance(self, field, t, x, h, args, memory):
        """One step of the pair; the field between the copies goes on."""
        (q, y), (p, z) = map(split_phase, split_phase(x))
        first, second = jnp.concatenate([q, p]), jnp.concatenate([y, z])
        step = Tao(field.omega, self.order)
        first, (second, rate) = step.advance(field.field, t, first, h, args, (second, memory))
        (q, p), (y, z) = split_phase(first), split_phase(second)
        return jnp.concatenate([q, y, p, z]), rate

    def inverse(self, field, t, x, h, args=None):
        """The pair at `t` from the one at `t + h`."""
        return self(field, t + h, x, -h, args)
