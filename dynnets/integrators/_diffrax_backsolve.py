"""The augmented equation of `diffrax.BacksolveAdjoint`, split where the equation itself is."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array

from dynnets._core import join_phase, split_phase
from dynnets.fields import AbstractField

from ._diffrax_views import Packing, unit_control


class BacksolvePacking(eqx.Module):
    """The augmented state `(y, a, rest)` of `diffrax.BacksolveAdjoint` as a phase space.

    With `y = (q, p)` and its cotangent `a = (a_q, a_p)`, `(q, a_p, r_1)` depends on
    `(p, a_q, r_2)` alone and the other way round, `rest = r_1 + r_2` being the cotangents of
    `args` and terms: where `y` separates, so does the whole.
    """

    state: Packing
    rest: Packing

    @property
    def dtype(self):
        """The real dtype of the state."""
        return self.state.dtype

    def pack(self, augmented):
        """`(q, a_p, 0, p, a_q, rest)`."""
        y, a, *rest = augmented
        (q, p), (a_q, a_p) = split_phase(self.state.pack(y)), split_phase(self.state.pack(a))
        rest = self.rest.pack(rest).astype(self.dtype)
        return jnp.concatenate([q, a_p, jnp.zeros_like(rest), p, a_q, rest])

    def parts(self, half):
        """Half of the state, half of its cotangent, and the rest."""
        size = self.state.size
        return half[: size // 2], half[size // 2 : size], half[size:]

    def unpack(self, vector):
        """The augmented state."""
        first, second = split_phase(vector)
        (q, a_p, r_1), (p, a_q, r_2) = self.parts(first), self.parts(second)
        y, a = self.state.unpack(join_phase(q, p)), self.state.unpack(join_phase(a_q, a_p))
        return (y, a, *self.rest.unpack((r_1 + r_2).astype(self.rest.dtype)))


class BacksolveField(AbstractField):
    """The augmented field of `diffrax.BacksolveAdjoint`, split where the field itself is.

    Linear in the cotangent, so with the kick's cotangent `a_p` alone it is the adjoint of the
    kick, and with `a_q` alone that of the drift. Each is constant while it acts: a symmetric
    splitting step backwards is the exact adjoint of the step forwards.
    """

    terms: diffrax.AbstractTerm
    packing: BacksolvePacking
    spare: Array
    clock: Any = eqx.field(static=True)

    @property
    def structure(self):
        """Nothing is known of it."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """Both halves."""
        first, second = split_phase(x)
        return join_phase(self.drift(t, second, args), self.kick(t, first, args))

    def augmented_rate(self, t, y, a, args):
        """Rates of the state, of its cotangent and of the rest."""
        state, rest = self.packing.state, self.packing.rest
        nothing = rest.unpack(jnp.zeros(rest.size, rest.dtype))
        augmented = (state.unpack(y), state.unpack(a), *nothing)
        t, control = jnp.asarray(t, self.clock), unit_control(self.terms, self.clock)
        y_rate, a_rate, *rest_rate = self.terms.vf_prod(t, augmented, args, control)
        rest_rate = rest.pack(rest_rate).astype(state.dtype)
        return split_phase(state.pack(y_rate)), split_phase(state.pack(a_rate)), rest_rate

    def kick(self, t, q, args=None):
        """Rates of `(p, a_q, r_2)`."""
        q, a_p, _ = self.packing.parts(q)
        p = self.packing.parts(split_phase(self.spare)[1])[0]
        y, a = join_phase(q, p), join_phase(jnp.zeros_like(a_p), a_p)
        (_, p_rate), (a_rate, _), rest_rate = self.augmented_rate(t, y, a, args)
        return jnp.concatenate([p_rate, a_rate, rest_rate])

    def drift(self, t, p, args=None):
        """Rates of `(q, a_p, r_1)`."""
        p, a_q, _ = self.packing.parts(p)
        q = self.packing.parts(split_phase(self.spare)[0])[0]
        y, a = join_phase(q, p), join_phase(a_q, jnp.zeros_like(a_q))
        (q_rate, _), (_, a_rate), rest_rate = self.augmented_rate(t, y, a, args)
        return jnp.concatenate([q_rate, a_rate, rest_rate])


def is_backsolve(terms) -> bool:
    """Whether the terms are those of `diffrax.BacksolveAdjoint`'s augmented equation.

    Their class has no public address, so it is known by its name.
    """

    def adjoint(node):
        return isinstance(node, diffrax.AbstractTerm) and type(node).__name__ == "AdjointTerm"

    return any(map(adjoint, jtu.tree_leaves(terms, is_leaf=adjoint)))
