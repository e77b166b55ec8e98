"""Tao's explicit symplectic step for Hamiltonians that do not separate."""

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import SYMPLECTIC, VOLUME, check_positive, split_phase

from ._step import AbstractStep, StepInfo


class Tao(AbstractStep):
    """Strang splitting in a doubled phase space, order 2, for any Hamiltonian field.

    Two copies `(q, p)` and `(y, z)` follow `H(q, z) + H(y, p) + w (|q - y|^2 + |p - z|^2) / 2`,
    split into three exactly solvable parts; `w` binds the copies together. The map of the pair
    is symplectic in the doubled space and symmetric; the first copy follows `H`.

    **Arguments:** `omega`: the binding `w > 0`. Too small and the copies part, too large and the
    error constant grows; 10 to 50 suits fields of order one. Raises `ValueError` unless positive.

    In a rollout the memory holds the second copy, so the doubled map is what is iterated; a bare
    call doubles its argument afresh, and is then symplectic only up to `O(h^3)`. Cost in a
    rollout: three evaluations of the field. Source: Tao, Physical Review E 94, 2016.
    """

    omega: float = eqx.field(default=20.0, static=True)

    def __check_init__(self):
        check_positive("omega", self.omega)

    @property
    def info(self):
        """`StepInfo`: order 2, any Hamiltonian field, symplectic on the pair of copies."""
        return StepInfo(
            name="Tao",
            order=2,
            needs=frozenset(),
            keeps=frozenset({SYMPLECTIC, VOLUME}),
            symmetric=True,
            invertible=False,
            evaluations=3,
            condition="a Hamiltonian field; on the doubled phase space, carried by the memory",
            source="Tao, Physical Review E 94, 2016",
        )

    def start(self, field, t, x, h, args=None):
        """The second copy, equal to the first, and the field between them."""
        return x, field(t, x, args)

    def advance(self, field, t, x, h, args, memory):
        """`A(h/2) B(h/2) C(h) B(h/2) A(h/2)` on the pair; `C` carries the time."""
        copy, rate = memory
        (q, p), (y, z) = split_phase(x), split_phase(copy)
        y, p = _half(rate, h, y, p)
        q, z = _half(field(t, jnp.concatenate([y, p]), args), h, q, z)
        q, p, y, z = _bind(2 * self.omega * h, q, p, y, z)
        q, z = _half(field(t + h, jnp.concatenate([y, p]), args), h, q, z)
        rate = field(t + h, jnp.concatenate([q, z]), args)
        y, p = _half(rate, h, y, p)
        return jnp.concatenate([q, p]), (jnp.concatenate([y, z]), rate)

    def on_pair(self, field, t, pair, h, args=None):
        """The map of both copies, `(q, y, p, z)` of shape `(4n,)`: the one that is symplectic."""
        (q, y), (p, z) = map(split_phase, split_phase(pair))
        x, copy = jnp.concatenate([q, p]), jnp.concatenate([y, z])
        between = field(t, jnp.concatenate([q, z]), args)
        x, (copy, _) = self.advance(field, t, x, h, args, (copy, between))
        (q, p), (y, z) = split_phase(x), split_phase(copy)
        return jnp.concatenate([q, y, p, z])


def _half(rate, h, q, p):
    """Half a step of the sub-flow whose rate `(dH/dp, -dH/dq)` does not change along it."""
    dq, dp = split_phase(rate)
    return q + (0.5 * h) * dq, p + (0.5 * h) * dp


def _bind(angle, q, p, y, z):
    """The exact flow of the binding: turns `(q - y, p - z)` by `angle`, keeps the sums."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    u, v = q - y, p - z
    u, v = cos * u + sin * v, cos * v - sin * u
    a, b = q + y, p + z
    return (a + u) / 2, (b + v) / 2, (a - u) / 2, (b - v) / 2
