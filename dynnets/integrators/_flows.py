"""Lie and Strang splitting over any number of exact sub-flows, and all orders above."""

import math

import equinox as eqx

from dynnets._core import (
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    SUM,
    SYMPLECTIC,
    VOLUME,
)

from ._splitting import Splitting, sweeps_of, toggle_adjoint
from ._step import AbstractStep, StepInfo, check_parts

_KEPT = frozenset({SYMPLECTIC, POISSON, VOLUME, NORM, SUM, MOMENTUM, ORTHOGONAL})


class FlowSplitting(AbstractStep):
    """Sweeps over the exact flows of the parts of a field, in turn first to last and back.

    A field offers `flows`, a tuple of `flow(t, x, h, args) -> x'`: each is the exact flow over
    `h` of one summand, with the time `t` at which it is evaluated held fixed; `-h` undoes it.

    **Arguments:** `name`, `order`, `source`: what the method is called, its order, and where it is
    from; `weights`: the fraction of `h` of each sweep, their sum is one; `forward`: whether the
    first sweep begins with the first flow. Flows that stand next to each other at the turn of two
    sweeps are merged, so a sweep of `n` parts costs `n - 1` flows, the first `n`.

    Preserves: whatever every one of the flows preserves (a declaration of the field's author:
    `field.structure` names what they all keep): forms, volume, norm, linear invariants, for every
    `h` of either sign; non-expansive maps where no weight is negative and `h > 0`.
    Symmetric when there is an even number of weights that read the same backwards.

    Time: the flows but the last see the time that the last has reached, the last sees the time
    that the first has reached. This is a splitting of an autonomous system with two more
    variables, clocks that run in the first and in the last part and are read by the others, so
    the order holds for any dependence on `t`; a single flow is split from its clock. With the
    flows `(kick, drift)` it is what `Splitting` does.

    Source: McLachlan, Quispel, Acta Numerica 11, 2002. Raises `ValueError` when the weights do
    not sum to one.

    ```python
    >>> from dynnets.integrators import FlowSplitting, adjoint, lie, lie_adjoint, strang
    >>> isinstance(strang, FlowSplitting), adjoint(lie) is lie_adjoint
    (True, False)

    ```
    """

    name: str = eqx.field(static=True)
    order: int = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    source: str = eqx.field(static=True)
    forward: bool = eqx.field(default=True, static=True)

    def __check_init__(self):
        if not self.weights or abs(math.fsum(self.weights) - 1) > 1e-12:
            raise ValueError(f"the weights of the sweeps sum to one, got {self.weights}")

    @property
    def info(self):
        """`StepInfo`: needs `flows`, keeps what they all keep."""
        palindrome = all(
            abs(a - b) < 1e-14 for a, b in zip(self.weights, self.weights[::-1], strict=True)
        )
        one_way = all(weight >= 0 for weight in self.weights)
        return StepInfo(
            name=self.name,
            order=self.order,
            needs=frozenset({"flows"}),
            keeps=_KEPT | {NON_EXPANSIVE} if one_way else _KEPT,
            symmetric=palindrome and len(self.weights) % 2 == 0,
            invertible=True,
            evaluations=len(self.weights),
            condition="every flow of the field keeps it; every h (non-expansive: h > 0)",
            source=self.source,
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without flows."""
        check_parts(self, field)
        if not field.flows:
            raise ValueError(
                f"{self.name} needs at least one flow, {type(field).__name__} has none"
            )
        return None

    def advance(self, field, t, x, h, args, memory):
        """All sweeps, each flow at the time that its clock shows."""
        flows = field.flows
        clocks = [0.0] * max(len(flows), 2)
        for part, weight in self.schedule(len(clocks)):
            if part < len(flows):
                seen = clocks[0] if part == len(clocks) - 1 else clocks[-1]
                x = flows[part](t + seen * h, x, weight * h, args)
            clocks[part] += weight
        return x, None

    def schedule(self, parts: int) -> list[tuple[int, float]]:
        """`(part, fraction of h)` of every flow in the order in which they act, merged."""
        merged: list[tuple[int, float]] = []
        forward = self.forward
        for weight in self.weights:
            for part in range(parts) if forward else reversed(range(parts)):
                if merged and merged[-1][0] == part:
                    merged[-1] = (part, merged[-1][1] + weight)
                else:
                    merged.append((part, weight))
            forward = not forward
        return merged

    def reversed(self) -> "FlowSplitting":
        """The adjoint method: the sweeps in reverse, each in the other direction."""
        last_forward = self.forward == (len(self.weights) % 2 == 1)
        name = toggle_adjoint(self.name)
        return FlowSplitting(name, self.order, self.weights[::-1], self.source, not last_forward)

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from `x(t + h)`, exact up to round-off, at the cost of one step."""
        return self.reversed()(field, t + h, x, -h, args)


def over_flows(splitting: Splitting) -> FlowSplitting:
    """The method with the same coefficients over any number of exact flows, of the same order.

    With the flows `(kick, drift)` of a separable field it is the given method. Cost: one flow of
    each part per sweep, and there is a sweep less than the splitting has coefficients.

    ```python
    >>> from dynnets.integrators import over_flows, yoshida8
    >>> over_flows(yoshida8).info.order
    8

    ```
    """
    return FlowSplitting(
        f"{splitting.name}_flows",
        splitting.order,
        sweeps_of(splitting.coefficients),
        splitting.source,
        splitting.first == "kick",
    )


lie = FlowSplitting("lie", 1, (1.0,), "Trotter, Proceedings of the AMS 10, 1959")
"""Lie-Trotter splitting: every flow once over `h`, first to last. Order 1."""

lie_adjoint = lie.reversed()
"""Every flow once over `h`, last to first: the adjoint of `lie`. Order 1."""

strang = FlowSplitting(
    "strang", 2, (0.5, 0.5), "Strang, SIAM Journal on Numerical Analysis 5, 1968"
)
"""Strang splitting: half of each flow, a whole one of the last, and back. Order 2, symmetric."""
