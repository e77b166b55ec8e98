"""One row per tag: everything that the library knows about it."""

from collections.abc import Callable
from typing import NamedTuple

from dynnets._core import Tag

from ._verdict import AffineChange, Verdict


class Row(NamedTuple):
    """All rules of one tag. Verdicts, certificates, networks, models and tests read this row.

    - `tag`: name and meaning.
    - `oracle(step, field, t, x, h, args=None)`: the defect of one step at one state, zero up to
      round-off where the tag holds; `defect`: what that number is, in words.
    - `cancellation(step, field, t, x, h, args=None)`: the size of the numbers that cancel in that
      defect, of which rounding leaves some units in the last place, and its unit.
    - `flow_oracle(field, t, x, args=None)`: the infinitesimal statement about a field whose exact
      flow keeps the tag, a `FlowDefect`; `flow_defect`: what it measures, in words. `None` for
      tags of steps alone.
    - `map_defect(function, x)`: the defect of a bare map, `None` where a map alone cannot tell;
      `map_cancellation(function, x)`: its sizes.
    - `under_step(info, field)`: the `Verdict` on a step with these `StepInfo` facts.
    - `composes`: a composition of maps that keep it keeps it. The energy, the bracket and the
      masses that a layer keeps are its own, and a composition of symmetric maps is not symmetric.
    - `one_way`: it holds forwards only; a step of negative `h` loses it.
    - `survives(change)`: whether it outlives a change of units, an `AffineChange`.
    - `summands`: the sum of two fields whose flows keep it is a field whose flow keeps it.
    - `square_only`: it speaks of a map of a space into itself, so that no change of dimension
      keeps it.
    - `families`: the fields that have it, for a message that refuses a pairing.
    """

    tag: Tag
    oracle: Callable
    defect: str
    map_defect: Callable | None
    under_step: Callable[..., Verdict]
    cancellation: Callable
    composes: bool
    survives: Callable[[AffineChange], bool]
    families: str
    flow_oracle: Callable | None = None
    flow_defect: str = ""
    map_cancellation: Callable | None = None
    one_way: bool = False
    summands: bool = True
    square_only: bool = False
