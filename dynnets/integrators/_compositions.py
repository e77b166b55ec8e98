"""New steps from old ones: compositions, adjoints, scaled steps, with their order derived."""

import functools
import math
from collections.abc import Sequence

import equinox as eqx
import jax

from dynnets._core import DISSIPATIVE, NON_EXPANSIVE, VOLUME

from ._flows import FlowSplitting
from ._order_conditions import composition_order
from ._splitting import Splitting, toggle_adjoint
from ._step import AbstractStep, StepInfo


class Composition(AbstractStep):
    """Steps of fractions of `h`, one after the other: made by `compose` and `scale`.

    Each different step is held once, so parameters are shared; `turns` says which acts when.
    The memory goes on from a sub-step to the next where both are the same step, so a composition
    of Verlet steps evaluates no force twice.
    """

    steps: tuple[AbstractStep, ...]
    turns: tuple[int, ...] = eqx.field(static=True)
    weights: tuple[float, ...] = eqx.field(static=True)
    order: int = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    name: str = eqx.field(static=True)
    source: str = eqx.field(static=True)

    @property
    def info(self):
        """`StepInfo`: what all parts keep; its order is derived from the order conditions."""
        infos = [step.info for step in self.steps]
        parts = [infos[turn] for turn in self.turns]
        keeps = frozenset.intersection(*(info.keeps for info in infos))
        one_way = all(weight > 0 for weight in self.weights)
        worst = functools.partial(_worst_order, infos, self.order)
        counts = [info.evaluations for info in parts if info.evaluations is not None]
        return StepInfo(
            name=self.name,
            order=self.order,
            needs=frozenset().union(*(info.needs for info in infos)),
            keeps=keeps if one_way else keeps - {NON_EXPANSIVE, DISSIPATIVE},
            symmetric=self.symmetric,
            invertible=all(info.invertible for info in infos),
            evaluations=sum(counts) if len(counts) == len(parts) else None,
            condition="; ".join(dict.fromkeys(info.condition for info in infos)),
            source=self.source or "; ".join(dict.fromkeys(info.source for info in infos)),
            contractivity=self._bound([info.contractivity for info in parts]),
            descent=self._bound([info.descent for info in parts]),
            keeps_shears=all(info.keeps_shears or VOLUME in info.keeps for info in infos),
            defect_order=worst("defect_order"),
            energy_order=worst("energy_order"),
            invariant_order=worst("invariant_order"),
            quadratic=all(info.quadratic for info in infos),
            imposes=frozenset.intersection(*(info.imposes for info in infos)),
            convex=one_way and all(info.convex for info in infos),
        )

    def _bound(self, bounds: list[float]) -> float:
        """Every sub-step of size `w h` must stay below its own bound."""
        if any(weight <= 0 for weight in self.weights):
            return 0.0
        return min(bound / weight for bound, weight in zip(bounds, self.weights, strict=True))

    def start(self, field, t, x, h, args=None):
        """The memory of the first sub-step."""
        return self.steps[self.turns[0]].start(field, t, x, self.weights[0] * h, args)

    def advance(self, field, t, x, h, args, memory):
        """All sub-steps in turn."""
        reached = 0.0
        following = (*self.turns[1:], self.turns[0])
        sizes = (*self.weights[1:], self.weights[0])
        for turn, weight, then, size in zip(
            self.turns, self.weights, following, sizes, strict=True
        ):
            x, memory = self.steps[turn].advance(
                field, t + reached * h, x, weight * h, args, memory
            )
            reached += weight
            if then != turn:
                memory = self.steps[then].start(field, t + reached * h, x, size * h, args)
        return x, memory

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from the end of the step: the inverses in reverse. Raises `ValueError` for a
        composition of a step that has none.
        """
        if not self.info.invertible:
            raise ValueError(f"{self.name} has a part without an exact inverse")
        reached = math.fsum(self.weights)
        for turn, weight in zip(self.turns[::-1], self.weights[::-1], strict=True):
            reached -= weight
            x = self.steps[turn].inverse(field, t + reached * h, x, weight * h, args)
        return x


def _worst_order(infos: list[StepInfo], order: int, name: str) -> int:
    """The order at which a composition loses what it does not keep: `defect_order` or the like.

    That of its worst part, and no worse than its own order, since the exact flow keeps all; a part
    that claims nothing at all (-1) leaves nothing.
    """
    orders = [info.order_of_loss(name) for info in infos]
    return -1 if min(orders) < 0 else max(order, min(orders))


class Adjoint(AbstractStep):
    """`S*_h = S_{-h}^{-1}`, by the exact inverse of the step `S`: made by `adjoint`."""

    step: AbstractStep

    @property
    def info(self):
        """`StepInfo` of the step itself, of which one-sided properties are dropped."""
        info = self.step.info
        return StepInfo(
            name=toggle_adjoint(info.name),
            order=info.order,
            needs=info.needs,
            keeps=info.keeps - {NON_EXPANSIVE, DISSIPATIVE},
            symmetric=False,
            invertible=True,
            evaluations=info.evaluations,
            condition=info.condition,
            source=info.source,
            defect_order=info.defect_order,
            energy_order=info.energy_order,
            invariant_order=info.invariant_order,
            keeps_shears=info.keeps_shears,
            quadratic=info.quadratic,
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """The step of `-h` from `t + h`, undone."""
        return self.step.inverse(field, t + h, x, -h, args), None

    def inverse(self, field, t, x, h, args=None):
        """The step of `-h`."""
        return self.step(field, t + h, x, -h, args)


def adjoint(step: AbstractStep) -> AbstractStep:
    """The adjoint `S*_h = S_{-h}^{-1}` of a step: the same order, error terms of even powers
    of the other sign.

    A symmetric step is its own adjoint; splittings and compositions are reversed; any other
    step with an exact inverse is wrapped. Raises `ValueError` for a step without one, whose
    adjoint is implicit.

    ```python
    >>> from dynnets.integrators import Adjoint, Composition, adjoint, scale, strang, verlet_kdk
    >>> isinstance(scale(verlet_kdk, 0.5), Composition)
    True
    >>> adjoint(verlet_kdk) is verlet_kdk, isinstance(adjoint(scale(strang, 0.5)), Adjoint)
    (True, False)

    ```
    """
    if step.info.symmetric:
        return step
    if isinstance(step, FlowSplitting | Splitting):
        return step.reversed()
    if isinstance(step, Composition):
        parts = [adjoint(step.steps[turn]) for turn in step.turns[::-1]]
        name = toggle_adjoint(step.name)
        return compose(parts, step.weights[::-1], name=name, source=step.source)
    if isinstance(step, Adjoint):
        return step.step
    if step.info.invertible:
        return Adjoint(step)
    raise ValueError(f"{step.info.name} has no exact inverse, so its adjoint is implicit")


def scale(step: AbstractStep, factor) -> Composition:
    """The step that advances by `factor * h`: a part for `compose`, of order 0 by itself.

    Raises `ValueError` for a factor that is zero or not finite.
    """
    return compose([step], [factor], name=f"{factor} {step.info.name}")


def compose(
    steps: AbstractStep | Sequence,
    weights: Sequence | None = None,
    *,
    name: str | None = None,
    source: str = "",
) -> Composition:
    """One step of `h` made of steps of `w_1 h, w_2 h, ...`, in the order in which they are given.

    **Arguments:** `steps`: one step that is repeated, or as many as weights; `weights`: their
    fractions of `h`, negative ones allowed (default: one each, for steps made by `scale`);
    `name`, `source`: for the record.

    **Returns** a step that needs the parts that any of them needs and keeps what all keep (what
    holds for `h > 0` only is dropped with a negative weight). Its order is derived by expanding
    the composition in powers of `h`: equal steps, and steps next to their adjoints, cancel as
    their weights allow. A composition whose weights do not sum to one has order 0. Preserves as
    said; symmetric when it reads the same backwards with every step replaced by its adjoint, and
    its weights sum to one, so that a step of `-h` begins at the time at which the step ended.

    Raises `ValueError` for no steps, as many weights as not steps, weights that are zero or not
    finite, and steps that live on pairs or remember the previous state, whose memory is bound to
    one size. Cost: the sum of its parts.

    ```python
    >>> from dynnets.integrators import compose, suzuki_weights, verlet_dkd
    >>> compose(verlet_dkd, suzuki_weights(2)).info.order
    4

    ```
    """
    single = isinstance(steps, AbstractStep)
    listed = [steps] * len(weights or (1.0,)) if single else list(steps)
    weights = (1.0,) * len(listed) if weights is None else tuple(float(w) for w in weights)
    _check(listed, weights)
    listed, weights = _flatten(listed, weights)
    distinct, turns = _distinct(listed)
    conditions = _substeps(distinct, turns, weights)
    mirror = tuple((k, p, s, (not s) and not a, w) for k, p, s, a, w in conditions[::-1])
    default = " ".join(f"{w:.4g}*{step.info.name}" for w, step in zip(weights, listed, strict=True))
    return Composition(
        distinct,
        turns,
        weights,
        order=composition_order(conditions),
        symmetric=_alike(conditions, mirror) and abs(math.fsum(weights) - 1) < 1e-12,
        name=name or default,
        source=source,
    )


def _check(steps, weights):
    if not steps:
        raise ValueError("a composition needs at least one step, got none")
    if len(steps) != len(weights):
        raise ValueError(f"{len(steps)} steps need as many weights, got {len(weights)}")
    for weight in weights:
        if weight == 0 or not math.isfinite(weight):
            raise ValueError(f"the weight of a step is finite and not zero, got {weight}")
    for step in steps:
        if not isinstance(step, AbstractStep):
            raise ValueError(f"a composition is made of AbstractSteps, got {step!r}")
        if step.on_pair is not None:
            raise ValueError(
                f"{step.info.name} acts on pairs of states and has no composition here; "
                "Tao(omega, order=4) is that of Tao"
            )


def _flatten(steps, weights):
    flat, fractions = [], []
    for step, weight in zip(steps, weights, strict=True):
        if isinstance(step, Composition):
            flat += [step.steps[turn] for turn in step.turns]
            fractions += [weight * w for w in step.weights]
        else:
            flat.append(step)
            fractions.append(weight)
    return flat, tuple(fractions)


def _same(a, b) -> bool:
    if a is b or type(a) is not type(b):
        return a is b
    equal = eqx.tree_equal(a, b)
    return not isinstance(equal, jax.core.Tracer) and bool(equal)


def _distinct(steps) -> tuple[tuple[AbstractStep, ...], tuple[int, ...]]:
    found: list[AbstractStep] = []
    turns = []
    for step in steps:
        index = next((i for i, other in enumerate(found) if _same(step, other)), len(found))
        if index == len(found):
            found.append(step)
        turns.append(index)
    return tuple(found), tuple(turns)


def _substeps(steps, turns, weights) -> tuple[tuple, ...]:
    """What the order conditions need to know: see `composition_defects`."""
    keys = []
    for i, step in enumerate(steps):
        info = step.info
        base = i
        if not info.symmetric and info.invertible:
            partner = adjoint(step)
            base = next((j for j in range(i) if _same(steps[j], partner)), i)
        keys.append((base, info.order, info.symmetric, base != i))
    return tuple((*keys[turn], weight) for turn, weight in zip(turns, weights, strict=True))


def _alike(one, other) -> bool:
    """Whether two lists of sub-steps are the same up to round-off in the weights."""
    return all(a[:4] == b[:4] and abs(a[4] - b[4]) < 1e-14 for a, b in zip(one, other, strict=True))
