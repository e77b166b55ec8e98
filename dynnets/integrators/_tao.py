"""Tao's explicit symplectic steps for Hamiltonians that do not separate."""

import functools
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from dynnets._core import SYMPLECTIC, VOLUME, check_positive, split_phase
from dynnets.fields import AbstractField

from ._high_order import symmetric_weights
from ._step import AbstractStep, StepInfo


class Tao(AbstractStep):
    """Strang splitting in a doubled phase space, order 2 or any even order, for any Hamiltonian.

    Two copies `(q, p)` and `(y, z)` follow `H(q, z) + H(y, p) + w (|q - y|^2 + |p - z|^2) / 2`,
    split into three exactly solvable parts; `w` binds the copies together. The map of the pair
    is symplectic in the doubled space and symmetric; the first copy follows `H`. It is `strang`
    over the flows of `TaoField`. Higher orders compose it with `symmetric_weights(order)`: three
    sub-steps for order 4 (the triple jump), 7 for order 6, 15 for order 8.

    **Arguments:** `omega`: the binding `w > 0`. Too small and the copies part, too large and the
    error constant grows; 10 to 50 suits fields of order one. `order`: even. Raises `ValueError`
    otherwise.

    In a rollout the memory holds the second copy, so the doubled map is what is iterated; a bare
    call doubles its argument afresh, and is then symplectic only up to `O(h^(order + 1))`. The map
    of the pair has an exact inverse, `inverse_on_pair`. Cost in a rollout: three evaluations of
    the field per sub-step. Source: Tao, Physical Review E 94, 2016.
    """

    omega: float = eqx.field(default=20.0, static=True)
    order: int = eqx.field(default=2, static=True)

    def __check_init__(self):
        check_positive("omega", self.omega)
        symmetric_weights(self.order)

    @property
    def info(self):
        """`StepInfo`: even order, any Hamiltonian field, symplectic on the pair of copies."""
        return StepInfo(
            name="Tao" if self.order == 2 else f"Tao({self.order})",
            order=self.order,
            needs=frozenset(),
            keeps=frozenset({SYMPLECTIC, VOLUME}),
            symmetric=True,
            invertible=False,
            evaluations=3 * len(symmetric_weights(self.order)),
            condition="a Hamiltonian field; on the doubled phase space, carried by the memory",
            source="Tao, Physical Review E 94, 2016",
        )

    def start(self, field, t, x, h, args=None):
        """The second copy, equal to the first, and the field between them."""
        return x, field(t, x, args)

    def advance(self, field, t, x, h, args, memory):
        """The sub-steps in turn; both copies and the field between them go on."""
        reached = 0.0
        for weight in symmetric_weights(self.order):
            x, memory = self._strang(field, t + reached * h, x, weight * h, args, memory)
            reached += weight
        return x, memory

    def _strang(self, field, t, x, h, args, memory):
        """`A(h/2) B(h/2) C(h) B(h/2) A(h/2)` on the pair; `C` carries the time."""
        copy, rate = memory
        (q, p), (y, z) = split_phase(x), split_phase(copy)
        y, p = _move(rate, 0.5 * h, y, p)
        q, z = _move(field(t, jnp.concatenate([y, p]), args), 0.5 * h, q, z)
        q, p, y, z = _bind(2 * self.omega * h, q, p, y, z)
        q, z = _move(field(t + h, jnp.concatenate([y, p]), args), 0.5 * h, q, z)
        rate = field(t + h, jnp.concatenate([q, z]), args)
        y, p = _move(rate, 0.5 * h, y, p)
        return jnp.concatenate([q, p]), (jnp.concatenate([y, z]), rate)

    def on_pair(self, field, t, pair, h, args=None):
        """The map of both copies, `(q, y, p, z)` of shape `(4n,)`: the one that is symplectic."""
        q, y, p, z = _unpack(pair)
        between = field(t, jnp.concatenate([q, z]), args)
        x, copy = jnp.concatenate([q, p]), jnp.concatenate([y, z])
        x, (copy, _) = self.advance(field, t, x, h, args, (copy, between))
        (q, p), (y, z) = split_phase(x), split_phase(copy)
        return jnp.concatenate([q, y, p, z])

    def inverse_on_pair(self, field, t, pair, h, args=None):
        """The pair of which `on_pair` makes `pair`: a step of `-h`, exact by symmetry."""
        return self.on_pair(field, t + h, pair, -h, args)


class TaoField(AbstractField):
    """Tao's doubled Hamiltonian field on pairs `(q, y, p, z)` of shape `(4n,)`.

    Canonical, with the energy `H(q, z) + H(y, p) + w (|q - y|^2 + |p - z|^2) / 2`: started from
    `(q, q, p, p)` (`double`) both copies follow `H`. Its exact flow preserves the symplectic form
    and volume. Offers `flows`, the exact flows of the three summands: `strang` over them is the
    step `Tao(omega)` on pairs, `over_flows` gives its higher orders, and learned splittings start
    from them.

    **Arguments:** `field`: a Hamiltonian field on `(2n,)`, or one that says by `paired` that its
    bracket pairs `q_i` with `p_i` by a weight, such as `CirculationField`; `omega`: the binding.
    Raises `ValueError` for a binding that is not positive and for any other field.
    Cost: two evaluations of the field; one per flow, none for the binding.
    Source: Tao, Physical Review E 94, 2016.
    """

    field: AbstractField
    omega: float = eqx.field(default=20.0, static=True)
    features_first: ClassVar[bool] = True

    def __check_init__(self):
        check_positive("omega", self.omega)
        if SYMPLECTIC not in self.field.structure and not self.field.paired:
            name = type(self.field).__name__
            raise ValueError(f"Tao's doubling needs a Hamiltonian field, {name} is not one")

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME}`; for a `paired` field its own weighted form, and `{VOLUME}`."""
        return frozenset({SYMPLECTIC, VOLUME}) & (self.field.structure | {VOLUME})

    @property
    def flows(self):
        """The flows of `H(q, z)`, of `H(y, p)` and of the binding, time held fixed."""
        return tuple(functools.partial(flow, self) for flow in (_flow_a, _flow_b, _flow_binding))

    def __call__(self, t, x, args=None):
        """The sum of the three summands' fields."""
        q, y, p, z = _unpack(x)
        dy, dp = split_phase(self.field(t, jnp.concatenate([q, z]), args))
        dq, dz = split_phase(self.field(t, jnp.concatenate([y, p]), args))
        u, v = self.omega * (q - y), self.omega * (p - z)
        return jnp.concatenate([dq + v, dy - v, dp - u, dz + u])

    @staticmethod
    def double(x):
        """The pair `(q, q, p, p)` of two equal copies of `x = (q, p)`."""
        q, p = split_phase(x)
        return jnp.concatenate([q, q, p, p])

    @staticmethod
    def first(pair):
        """The first copy `(q, p)` of a pair."""
        q, _, p, _ = _unpack(pair)
        return jnp.concatenate([q, p])


def _unpack(pair):
    (q, y), (p, z) = map(split_phase, split_phase(pair))
    return q, y, p, z


def _move(rate, h, q, p):
    """A step of the sub-flow whose rate `(dH/dp, -dH/dq)` does not change along it."""
    dq, dp = split_phase(rate)
    return q + h * dq, p + h * dp


def _flow_a(doubled, t, x, h, args=None):
    """`H(q, z)` moves `y` and `p`."""
    q, y, p, z = _unpack(x)
    y, p = _move(doubled.field(t, jnp.concatenate([q, z]), args), h, y, p)
    return jnp.concatenate([q, y, p, z])


def _flow_b(doubled, t, x, h, args=None):
    """`H(y, p)` moves `q` and `z`."""
    q, y, p, z = _unpack(x)
    q, z = _move(doubled.field(t, jnp.concatenate([y, p]), args), h, q, z)
    return jnp.concatenate([q, y, p, z])


def _flow_binding(doubled, t, x, h, args=None):
    q, y, p, z = _unpack(x)
    q, p, y, z = _bind(2 * doubled.omega * h, q, p, y, z)
    return jnp.concatenate([q, y, p, z])


def _bind(angle, q, p, y, z):
    """The exact flow of the binding: turns `(q - y, p - z)` by `angle`, keeps the sums."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    u, v = q - y, p - z
    u, v = cos * u + sin * v, cos * v - sin * u
    a, b = q + y, p + z
    return (a + u) / 2, (b + v) / 2, (a - u) / 2, (b - v) / 2
