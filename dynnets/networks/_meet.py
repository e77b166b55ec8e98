"""What a composition of layers keeps, and why it does not keep the rest."""

from collections.abc import Iterable

from dynnets._core import NON_EXPANSIVE, NORM, REVERSIBLE, SUM, Tag
from dynnets.integrators import step_info
from dynnets.structure import (
    CLOSED,
    CONDITIONAL,
    EXACT,
    StructureLost,
    forecast_structure,
    require_structure,
    verdict,
)

from ._step_size import FixedStepSize


def meet(steps, fields, step_sizes, resizes) -> frozenset[Tag]:
    """The tags of `CLOSED` that every part of a layer and every change of dimension keeps."""
    tags = CLOSED
    for i in range(len(steps)):
        tags &= _part_tags(steps, fields, step_sizes, i)
    for resize in resizes:
        if resize is not None:
            tags &= resize.keeps
    return tags


def _part_tags(steps, fields, step_sizes, i) -> frozenset[Tag]:
    tags = forecast_structure(steps[i], fields[i]) - {NON_EXPANSIVE}
    return tags if _expands(steps, fields, step_sizes, i) else tags | {NON_EXPANSIVE}


def _expands(steps, fields, step_sizes, i) -> str:
    """Why a part is not non-expansive for all its weights; empty where it is."""
    step, field, step_size = steps[i], fields[i], step_sizes[i]
    name = type(step_size).__name__
    if field.expansive:
        if step_size.limited:
            return ""
        return f"an expansive part needs a step_size within its limit, and {name} has none"
    if NON_EXPANSIVE not in field.structure:
        return f"the exact flow of {type(field).__name__} does not keep it either"
    found = verdict(step, field, NON_EXPANSIVE)
    if found.status not in (EXACT, CONDITIONAL):
        return found.statement
    if not step_size.positive:
        at = f"is {step_size.h}" if isinstance(step_size, FixedStepSize) else "may become negative"
        return f"it holds for h > 0, and the {name} {at}"
    if found.status == CONDITIONAL and not step_size.limited:
        return f"it holds {found.statement}, and a {name} does not follow the weights"
    return ""


def require_tags(steps, fields, step_sizes, resizes, required: Iterable[Tag]) -> None:
    """Raise `StructureLost` for the first required tag that is lost: where, why, and what helps."""
    kept = meet(steps, fields, step_sizes, resizes)
    for tag in sorted(set(required) - kept, key=lambda tag: tag.name):
        if tag not in CLOSED:
            raise StructureLost(
                f"a network keeps no {tag.name}: every layer has its own energy, bracket or "
                "masses. Require it of a single step instead, by require_structure"
            )
        for i in range(len(steps)):
            if tag not in _part_tags(steps, fields, step_sizes, i):
                _refuse_part(steps, fields, step_sizes, i, tag)
        for resize in resizes:
            if resize is not None and tag not in resize.keeps:
                raise StructureLost(
                    f"{type(resize).__name__} from {resize.before} to {resize.after} components "
                    f"loses {tag.name}. {_RESIZE_CURES.get(tag, 'Keep the dimension')}"
                )


def _refuse_part(steps, fields, step_sizes, i, tag) -> None:
    step, field = steps[i], fields[i]
    layer = f"part {i + 1} of {len(steps)} of every layer"
    if step.on_pair is not None:
        raise StructureLost(
            f"{layer}: {step_info(step).name} keeps {tag.name} on two copies of the state, and a "
            "network carries one. Use ImplicitMidpoint"
        )
    if tag == NON_EXPANSIVE:
        raise StructureLost(
            f"{layer}: {step_info(step).name} on {type(field).__name__} loses NON_EXPANSIVE: "
            f"{_expands(steps, fields, step_sizes, i)}. {_non_expansive_cure(field)}"
        )
    require_structure(step, field, {tag}, layer=layer)


def _non_expansive_cure(field) -> str:
    if field.expansive:
        return "Use explicit_euler with FractionStepSize or BoundedStepSize"
    if NON_EXPANSIVE in field.structure:
        return (
            "Use explicit_euler with FractionStepSize, BoundedStepSize or ClippedStepSize, or "
            "ImplicitMidpoint with PositiveStepSize"
        )
    return "Use NonExpansiveField"


_RESIZE_CURES = {
    SUM: "Use SumTruncation",
    NON_EXPANSIVE: "Use Truncation",
    NORM: "Leave the projection out",
    REVERSIBLE: "Leave the projection out",
}
