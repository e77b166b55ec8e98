"""The structure algebra of one layer: what a step keeps of what a field's exact flow keeps.

The rules are declared once: by the tags of the field, by `StepInfo`, and here. Tests and the
benchmark of the pairings measure every one of them.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    REVERSIBLE,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    Tag,
)
from dynnets.fields import AbstractField
from dynnets.integrators import (
    Gauss,
    Gonzalez,
    ImplicitMidpoint,
    StepInfo,
    cayley,
    check_parts,
    missing_parts,
    step_info,
    strang,
    verlet_kdk,
)

EXACT, ORDER, CONDITIONAL, LOST = "exact", "order", "conditional", "lost"
STATUSES = (EXACT, ORDER, CONDITIONAL, LOST)
"""`exact`: for every `h` (implicit: to the solver's tolerance); `order`: the defect of one step is
`O(h^(r + 1))`; `conditional`: exact while `h` times the field's constant is at most a bound;
`lost`: for every `h > 0`, or only for steps too small to be named."""

_EQUALITIES = {NORM, ORTHOGONAL, SYMPLECTIC, POISSON}


class Verdict(NamedTuple):
    """What becomes of one tag of a field under one step.

    - `status`: one of `STATUSES`; `order`: the `r` of `order`.
    - `bound`: of `conditional`: the tag holds while `h * constant <= bound`, with `constant` the
      field's `nu` (`|A|^2`) for NON_EXPANSIVE and the Lipschitz constant `L` of the gradient for
      DISSIPATIVE gradient flows; infinite or `None` where there is no such bound.
    - `statement`: in words.
    """

    tag: Tag
    status: str
    order: int | None = None
    bound: float | None = None
    statement: str = ""

    @property
    def holds(self) -> bool:
        """Whether the tag is kept for every step size."""
        return self.status == EXACT


class StructureLost(ValueError):
    """A pairing or a composition loses a property that was required of it."""


def verdict(step, field: AbstractField, tag: Tag) -> Verdict:
    """What `step` makes of one `tag` of the exact flow of `field`.

    Raises `ValueError` when the field does not declare the tag (nothing to keep) or lacks the
    parts that the step needs. Source of the rules: Celledoni, Murari, Owren, Schoenlieb, Sherry,
    SIAM J. Sci. Comput. 45, 2023; Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006.
    """
    check_parts(step, field)
    if tag not in field.structure:
        declared = ", ".join(sorted(t.name for t in field.structure)) or "nothing"
        raise ValueError(f"{type(field).__name__} keeps {declared}, not {tag}")
    info = step_info(step)
    if tag == VOLUME:
        return _volume(info, field)
    if tag == NON_EXPANSIVE:
        return _non_expansive(info)
    if tag in info.keeps:
        return Verdict(tag, EXACT, statement=info.condition)
    if tag == DISSIPATIVE:
        return _dissipative(info, field)
    if tag == ENERGY:
        order = info.order if info.energy_order is None else info.energy_order
        return Verdict(tag, ORDER, order, statement=f"energy error O(h^{order + 1}) per step")
    if tag in _EQUALITIES:
        return _of_order(tag, info)
    return Verdict(tag, LOST, statement=f"{info.name} makes no claim")


def _of_order(tag: Tag, info: StepInfo) -> Verdict:
    order = info.order if info.defect_order is None else info.defect_order
    return Verdict(tag, ORDER, order, statement=f"defect O(h^{order + 1}) per step")


def _volume(info: StepInfo, field: AbstractField) -> Verdict:
    """Volume by the symplectic or Poisson form, by shears, or not."""
    forms = field.structure & info.keeps & {SYMPLECTIC, POISSON}
    if forms or (info.needs and VOLUME in info.keeps):
        return Verdict(VOLUME, EXACT, statement=info.condition)
    if field.shear and info.keeps_shears:
        return Verdict(VOLUME, EXACT, statement="the Jacobian is similar to its negative")
    if field.shear or field.structure & {SYMPLECTIC, POISSON}:
        return _of_order(VOLUME, info)
    return Verdict(VOLUME, ORDER, info.order, statement="to the accuracy of the step")


def _non_expansive(info: StepInfo) -> Verdict:
    if math.isinf(info.contractivity) or NON_EXPANSIVE in info.keeps:
        return Verdict(NON_EXPANSIVE, EXACT, statement=f"{info.name}: every h > 0")
    if info.contractivity > 0:
        bound = 2 * info.contractivity
        statement = f"for 0 < h <= {bound:.4g} / nu, nu = |A|^2"
        return Verdict(NON_EXPANSIVE, CONDITIONAL, bound=bound, statement=statement)
    statement = f"{info.name} has a weight that is zero or negative: no h > 0 is safe"
    return Verdict(NON_EXPANSIVE, LOST, statement=statement)


def _dissipative(info: StepInfo, field: AbstractField) -> Verdict:
    if info.descent > 0 and field.gradient_flow:
        statement = f"for 0 < h <= {info.descent:.4g} / L, L the Lipschitz constant of grad V"
        return Verdict(DISSIPATIVE, CONDITIONAL, bound=info.descent, statement=statement)
    return Verdict(DISSIPATIVE, LOST, statement="for small h only; no bound is proved")


def structure_of(step, field: AbstractField | None = None) -> frozenset[Tag]:
    """What a map keeps exactly, derived and not measured.

    `structure_of(step, field)`: the tags of the exact flow of `field` that `step` keeps for every
    `h`; a symmetric step is so for every field; a step on pairs of states (`on_pair`) keeps them
    on the pair, see `forecast_structure`. `structure_of(network_or_model)`: what the composition
    keeps, its own `structure`. Raises `ValueError` when the field lacks the parts that the step
    needs, or the single argument declares nothing.
    """
    if field is None:
        tags = getattr(step, "structure", None)
        if tags is None:
            raise ValueError(f"{type(step).__name__} declares no structure; name its field too")
        return tags
    check_parts(step, field)
    info = step_info(step)
    tags = {tag for tag in field.structure if verdict(step, field, tag).holds}
    if info.symmetric:
        tags.add(SYMMETRIC)
    if info.invertible:
        tags.add(REVERSIBLE)
    return frozenset(tags)


def forecast_structure(step, field: AbstractField) -> frozenset[Tag]:
    """What the map of one state keeps that `step` makes, in forecasts and in networks.

    `structure_of(step, field)`, but nothing for a step that keeps it on pairs of states (`Tao`, the
    two-step methods: those with `on_pair`): of the pair only one state goes in and comes out, and
    that map has each property to the accuracy of the step only.
    """
    return frozenset() if step.on_pair is not None else structure_of(step, field)


def require_structure(
    step,
    field: AbstractField,
    required: Iterable[Tag],
    *,
    h: float | None = None,
    constant: float | None = None,
    layer: str = "the pairing",
) -> None:
    """Refuse a pairing that loses a required tag, naming the layer, the tag, the reason, a cure.

    **Arguments:** `required`: tags; `h`, `constant`: size of the step and the field's constant,
    with which a `conditional` tag holds when `0 < h * constant <= bound`.
    Raises `StructureLost`, a `ValueError`.
    """
    info = step_info(step)
    for tag in sorted(set(required), key=lambda t: t.name):
        if (tag == SYMMETRIC and info.symmetric) or (tag == REVERSIBLE and info.invertible):
            continue
        reason = _reason(step, field, tag, h, constant)
        if reason:
            raise StructureLost(
                f"{layer}: {info.name} on {type(field).__name__} loses {tag.name}: {reason}. "
                f"{cure(field, tag)}"
            )


def _reason(step, field, tag, h, constant) -> str:
    """Why the tag is lost; empty where it is kept."""
    if tag in (SYMMETRIC, REVERSIBLE):
        return f"{step_info(step).name} is not so"
    if tag not in field.structure:
        return "the exact flow of the field does not keep it either"
    found = verdict(step, field, tag)
    if found.status == CONDITIONAL and h is not None and constant is not None:
        if 0 < h * constant <= found.bound * (1 + 1e-9):
            return ""
        return f"it holds {found.statement}; here h = {h} and the constant is {constant}"
    return "" if found.holds else found.statement or found.status


def cure(field: AbstractField, tag: Tag) -> str:
    """The nearest pairing that keeps the tag: the cheapest step of the library that does, or
    another family of fields where none does.
    """
    names = [
        step_info(other).name
        for other in _CATALOGUE
        if not missing_parts(other, field) and (tag in structure_of(other, field))
    ]
    if names:
        return f"Use {' or '.join(names[:2])}"
    if tag not in field.structure:
        return f"Use a family of fields whose flow keeps {tag.name}: {_FAMILIES.get(tag, 'none')}"
    return "No step of the library keeps it for every h"


_FAMILIES = {
    SYMPLECTIC: "a Hamiltonian field",
    POISSON: "PoissonField",
    VOLUME: "ShearField or a Hamiltonian field",
    ENERGY: "a Hamiltonian field",
    DISSIPATIVE: "GradientField or PortHamiltonianField",
    MOMENTUM: "PairwiseField",
    NORM: "SphereField",
    SUM: "SumPreservingField",
    ORTHOGONAL: "OrthogonalFlowField",
    NON_EXPANSIVE: "NonExpansiveField",
}


_CATALOGUE = (verlet_kdk, strang, cayley, ImplicitMidpoint(), Gonzalez(), Gauss(2))
"""Steps to propose, cheapest first."""
