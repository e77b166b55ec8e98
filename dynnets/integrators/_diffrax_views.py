"""How a step sees what diffrax holds: its terms as a field, its states as one real vector."""

import math
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
import numpy as np
from jaxtyping import Array

from dynnets._core import ORTHOGONAL, join_phase, split_phase
from dynnets.fields import AbstractField


class Packing(eqx.Module):
    """Any tree of arrays as one real vector, and back.

    Leaf after leaf in the tree's own order, each row by row, complex leaves as their real parts
    followed by their imaginary parts: the halves of a tuple `(q, p)` are the halves of the vector,
    and so are the real and the imaginary part of a complex array.
    """

    tree: Any = eqx.field(static=True)
    shapes: tuple = eqx.field(static=True)
    dtypes: tuple = eqx.field(static=True)

    def __init__(self, like):
        leaves, self.tree = jtu.tree_flatten(like)
        self.shapes = tuple(jnp.shape(leaf) for leaf in leaves)
        self.dtypes = tuple(np.dtype(jnp.result_type(leaf)) for leaf in leaves)

    @property
    def dtype(self):
        """The real dtype that holds every leaf."""
        if not self.dtypes:
            return jnp.result_type(float)
        with jax.numpy_dtype_promotion("standard"):
            return jnp.result_type(*(jnp.finfo(dtype).dtype for dtype in self.dtypes))

    @property
    def size(self) -> int:
        """The length of the vector."""
        parts = (2 if np.issubdtype(dtype, np.complexfloating) else 1 for dtype in self.dtypes)
        return sum(n * math.prod(shape) for n, shape in zip(parts, self.shapes, strict=True))

    def pack(self, tree) -> Array:
        """The vector of a tree of this structure."""
        leaves = jtu.tree_leaves(tree)
        if len(leaves) == 1 and leaves[0].ndim == 1 and leaves[0].dtype == self.dtype:
            return leaves[0]
        parts = []
        for leaf in leaves:
            split = (leaf.real, leaf.imag) if jnp.iscomplexobj(leaf) else (leaf,)
            parts += [part.ravel().astype(self.dtype) for part in split]
        return jnp.concatenate(parts) if parts else jnp.zeros(0, self.dtype)

    def unpack(self, vector: Array):
        """The tree of a vector."""
        leaves, place = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            count = math.prod(shape)
            parts = []
            for _ in range(2 if jnp.issubdtype(dtype, jnp.complexfloating) else 1):
                parts.append(vector[place : place + count].reshape(shape))
                place += count
            leaf = parts[0] if len(parts) == 1 else jax.lax.complex(*parts)
            leaves.append(leaf.astype(dtype))
        return jtu.tree_unflatten(self.tree, leaves)


class Whole(eqx.Module):
    """A state that is handed on as it is: one array, for a field that takes it so."""

    dtype: Any = eqx.field(static=True)

    def pack(self, state):
        """The state."""
        return state

    def unpack(self, state):
        """The state."""
        return state


def unit_control(term, clock):
    """What the term's control is over a unit of time: the sign of diffrax's direction.

    Never over the step itself, whose length may be zero, nor at its own times, where one unit may
    be lost in rounding.
    """
    return term.contr(jnp.zeros((), clock), jnp.ones((), clock))


class TermField(AbstractField):
    """The field behind diffrax terms, through their public interface alone.

    `rate = prod(vf(t, y, args), control)` over a unit of time, since diffrax integrates backwards
    on negated times with the sign in the control. The parts of a separable field are its halves,
    evaluated with the half that they do not depend on at its value `spare` when the step began:
    there the field is defined, and the compiler drops what is not read.
    """

    terms: diffrax.AbstractTerm
    packing: Packing
    spare: Array | None
    clock: Any = eqx.field(static=True)

    @property
    def structure(self):
        """Nothing is known of it."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """The rate."""
        y, t = self.packing.unpack(x), jnp.asarray(t, self.clock)
        rate = self.terms.vf_prod(t, y, args, unit_control(self.terms, self.clock))
        return self.packing.pack(rate)

    def kick(self, t, q, args=None):
        """`dp/dt`."""
        return split_phase(self(t, join_phase(q, split_phase(self.spare)[1]), args))[1]

    def drift(self, t, p, args=None):
        """`dq/dt`."""
        return split_phase(self(t, join_phase(split_phase(self.spare)[0], p), args))[0]


class PairField(AbstractField):
    """The field behind diffrax's pair of terms: `q' = f_1(t, p)` and `p' = f_2(t, q)`."""

    terms: tuple
    packings: tuple[Packing, Packing]
    clock: Any = eqx.field(static=True)

    @property
    def structure(self):
        """Nothing is known of it."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """Both halves."""
        q, p = split_phase(x)
        return join_phase(self.drift(t, p, args), self.kick(t, q, args))

    def _half(self, turn: int, t, other, args):
        term, t = self.terms[turn], jnp.asarray(t, self.clock)
        state = self.packings[1 - turn].unpack(other)
        rate = term.vf_prod(t, state, args, unit_control(term, self.clock))
        return self.packings[turn].pack(rate)

    def kick(self, t, q, args=None):
        """`dp/dt`."""
        return self._half(1, t, q, args)

    def drift(self, t, p, args=None):
        """`dq/dt`."""
        return self._half(0, t, p, args)


class PairPacking(eqx.Module):
    """The state `(q, p)` of a pair of terms as one vector."""

    packings: tuple[Packing, Packing]

    @property
    def dtype(self):
        """The real dtype of both halves."""
        return self.packings[0].dtype

    def pack(self, state):
        """`(q, p)` in one vector."""
        return join_phase(*(one.pack(part) for one, part in zip(self.packings, state, strict=True)))

    def unpack(self, vector):
        """The pair of a vector."""
        return tuple(
            one.unpack(part) for one, part in zip(self.packings, split_phase(vector), strict=True)
        )


def innermost(terms) -> list:
    """The terms that no wrapper of diffrax hides."""
    plain = (diffrax.ODETerm, diffrax.ControlTerm)
    leaves = jtu.tree_leaves(terms, is_leaf=lambda node: isinstance(node, plain))
    return [leaf for leaf in leaves if isinstance(leaf, diffrax.AbstractTerm)]


def check_terms(terms) -> None:
    """Raise `ValueError` for terms that are not those of an ordinary differential equation."""
    inner = innermost(terms)
    others = [type(term).__name__ for term in inner if not isinstance(term, diffrax.ODETerm)]
    if others or not inner:
        raise ValueError(
            f"a step integrates x' = f(t, x), given as diffrax.ODETerm; got {others or terms}. "
            "ControlTerm.to_ode() makes one of a smooth control"
        )


def takes_array(field, y) -> bool:
    """Whether the state is one real array that the field takes as it is: a vector, or a matrix for
    a field that says what its columns are.
    """
    if not (isinstance(field, AbstractField) and eqx.is_inexact_array(y)):
        return False
    matrix = field.features_first or ORTHOGONAL in field.structure
    return jnp.isrealobj(y) and (y.ndim == 1 or (y.ndim == 2 and matrix))
