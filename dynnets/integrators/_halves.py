"""A bare function as a field in kicks and drifts, where its program shows that it separates."""

from typing import Any

import equinox as eqx
from jaxtyping import Array

from dynnets._core import half_dependence, join_phase, split_phase
from dynnets.fields import AbstractField

from ._step import AbstractStep

_HALVES = frozenset({"kick", "drift"})


class HalvesField(AbstractField):
    """`f(t, x, args)` of a function, with its halves as `kick` and `drift`.

    Made by `field_for`, which has read in the program of the function that `q'` does not depend on
    `q`, nor `p'` on `p`; each half is evaluated with the other at `spare`, where the function is
    known to be defined, and the compiler drops what is not read. Preserves: nothing is known.
    """

    function: Any
    spare: Array

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def kick(self, t, q, args=None):
        """`dp/dt`."""
        return split_phase(self.function(t, join_phase(q, split_phase(self.spare)[1]), args))[1]

    def drift(self, t, p, args=None):
        """`dq/dt`."""
        return split_phase(self.function(t, join_phase(split_phase(self.spare)[0], p), args))[0]

    def __call__(self, t, x, args=None):
        """The function."""
        return self.function(t, x, args)


def field_for(step, field, t, x, args):
    """The field itself, or a bare function by its halves for a step that needs `kick`, `drift`.

    As `as_solver` does with a function in a term: dependence is read off the program, so that what
    does not separate is left as it is, and refused by the step in words.
    """
    bare = not isinstance(field, AbstractField) and isinstance(step, AbstractStep)
    if not bare or not step.info.needs or step.info.needs - _HALVES:
        return field
    if not eqx.is_inexact_array(x) or x.ndim != 1 or x.shape[0] % 2:
        return field
    found = half_dependence(lambda y: field(t, y, args), x)
    n = x.shape[0] // 2
    if found.on_first[:n].any() or found.on_second[n:].any():
        return field
    return HalvesField(field, x)
