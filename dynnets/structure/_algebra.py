"""The structure algebra of one layer: what a step keeps of what a field's exact flow keeps.

The rules stand in the tags' rows (`ROWS`), in what a field and its energy declare, and in the
`StepInfo` of the step. Tests and the benchmark of the pairings measure every one of them.
"""

from collections.abc import Iterable
from typing import Any, cast

import equinox as eqx

from dynnets._core import Tag
from dynnets.fields import AbstractField
from dynnets.integrators import (
    AbstractStep,
    Gauss,
    Gonzalez,
    ImplicitMidpoint,
    cayley,
    check_parts,
    missing_parts,
    step_info,
    strang,
    verlet_kdk,
)

from ._rows import OF_STEPS, ROWS
from ._verdict import CONDITIONAL, Verdict


class StructureLost(ValueError):
    """A pairing or a composition loses a property that was required of it."""


def verdict(step: AbstractStep, field: AbstractField, tag: Tag) -> Verdict:
    """What `step` makes of one `tag` of the exact flow of `field`.

    Raises `ValueError` when the field does not declare the tag (nothing to keep) and the step does
    not impose it, and when the field lacks the parts that the step needs. Source of the rules:
    Celledoni, Murari, Owren, Schoenlieb, Sherry, SIAM J. Sci. Comput. 45, 2023; Hairer, Lubich,
    Wanner, Geometric Numerical Integration, 2006.

    ```python
    >>> from dynnets.integrators import rk4
    >>> from dynnets.structure import OF_STEPS, SYMPLECTIC, Verdict, verdict
    >>> from dynnets.systems import Harmonic
    >>> found = verdict(rk4, Harmonic().field, SYMPLECTIC)
    >>> isinstance(found, Verdict), found.status, found.order
    (True, 'order', 5)
    >>> sorted(tag.name for tag in OF_STEPS)  # what a step has by itself, whatever the field
    ['REVERSIBLE', 'SYMMETRIC']

    ```
    """
    check_parts(step, field)
    if tag not in field.structure | step_info(step).imposes | OF_STEPS:
        declared = ", ".join(sorted(t.name for t in field.structure)) or "nothing"
        raise ValueError(f"{type(field).__name__} keeps {declared}, not {tag}")
    return ROWS[tag].under_step(step_info(step), field)


def structure_of(step: Any, field: AbstractField | None = None) -> frozenset[Tag]:
    """What a map keeps exactly, derived and not measured.

    `structure_of(step, field)`: the tags of the exact flow of `field` that `step` keeps for every
    `h` (those that are `one_way` for every `h > 0`), and those that the step has by itself, such as
    SYMMETRIC; a step on pairs of states (`on_pair`) keeps them on the pair, see
    `forecast_structure`. `structure_of(network_or_model)`: what the composition keeps, its own
    `structure`. Raises `ValueError` when the field lacks the parts that the step needs.
    """
    if field is None:
        if not isinstance(step, eqx.Module):
            raise ValueError(f"{type(step).__name__} declares no structure: {step!r}")
        return cast(Any, step).structure
    check_parts(step, field)
    asked = field.structure | step_info(step).imposes | OF_STEPS
    return frozenset(tag for tag in asked if verdict(step, field, tag).holds)


def forecast_structure(step: AbstractStep, field: AbstractField) -> frozenset[Tag]:
    """What the map of one state keeps that `step` makes, in forecasts and in networks.

    `structure_of(step, field)`, but nothing for a step that keeps it on pairs of states (`Tao`, the
    two-step methods: those with `on_pair`): of the pair only one state goes in and comes out, and
    that map has each property to the accuracy of the step only.
    """
    return frozenset() if step.on_pair is not None else structure_of(step, field)


def require_structure(
    step: AbstractStep,
    field: AbstractField,
    required: Iterable[Tag],
    *,
    h: float | None = None,
    constant: float | None = None,
    layer: str = "the pairing",
) -> None:
    """Refuse a pairing that loses a required tag, naming the layer, the tag, the reason, a cure.

    **Arguments:** `required`: tags; `h`: the size of the step, where it is known: a tag that is
    `one_way` (NON_EXPANSIVE, DISSIPATIVE) is lost unless `h > 0`; `constant`: the field's
    constant, with which a `conditional` tag holds when `0 < h * constant <= bound`.
    Raises `StructureLost`, a `ValueError`.
    """
    for tag in sorted(set(required), key=lambda t: t.name):
        reason = _reason(step, field, tag, h, constant)
        if reason:
            raise StructureLost(
                f"{layer}: {step_info(step).name} on {type(field).__name__} loses {tag.name}: "
                f"{reason}. {cure(field, tag)}"
            )


def _reason(step, field, tag, h, constant) -> str:
    """Why the tag is lost; empty where it is kept."""
    if tag not in field.structure | step_info(step).imposes | OF_STEPS:
        return "the exact flow of the field does not keep it either"
    found = verdict(step, field, tag)
    if found.status == CONDITIONAL and h is not None and constant is not None:
        if 0 < h * constant <= found.bound:
            return ""
        return f"it holds {found.statement}; here h = {h} and the constant is {constant}"
    if h is not None and ROWS[tag].one_way and not h > 0:
        return f"it holds for h > 0 only; here h = {h}"
    return "" if found.holds else found.statement or found.status


def cure(field: AbstractField, tag: Tag) -> str:
    """The nearest pairing that keeps the tag: the cheapest step of the library that does, or
    another family of fields where none does.
    """
    names = [
        step_info(other).name
        for other in _CATALOGUE
        if not missing_parts(other, field) and tag in structure_of(other, field)
    ]
    if names:
        return f"Use {' or '.join(names[:2])}"
    if tag not in field.structure:
        return f"Use a family of fields whose flow keeps {tag.name}: {ROWS[tag].families}"
    return "No step of the library keeps it for every h"


_CATALOGUE = (verlet_kdk, strang, cayley, ImplicitMidpoint(), Gonzalez(), Gauss(2))
"""Steps to propose, cheapest first."""
