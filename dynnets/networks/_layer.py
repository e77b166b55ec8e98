"""One layer: the sizes of its steps, and how large they may be."""

import diffrax

from dynnets._core import NON_EXPANSIVE
from dynnets.fields import ExpansiveField
from dynnets.integrators import RungeKutta, step_info
from dynnets.structure import CONDITIONAL, verdict

from ._constants import contraction_factor, expansion_limit


def is_euler(step) -> bool:
    """Whether a step is explicit Euler, for which the sharp constants are known."""
    return isinstance(step, RungeKutta) and isinstance(step.solver, diffrax.Euler)


def layer_sizes(steps, fields, widths) -> tuple[tuple, tuple]:
    """`(sizes, limits)` of the parts of one layer; a limit is `None` where no width asks for it.

    A non-expansive part may go as far as its step allows, `2 r / nu`. Expansive parts share what
    the contraction of the others leaves: the product of all factors is at most one.
    """
    sizes, limits = [None] * len(steps), [None] * len(steps)
    expansive = [i for i, field in enumerate(fields) if isinstance(field, ExpansiveField)]
    for i, (step, field, width) in enumerate(zip(steps, fields, widths)):
        if i not in expansive:
            limits[i] = _limit(step, field, width) if width.limited else None
            sizes[i] = width(limits[i])
    shared = any(widths[i].limited for i in expansive)
    budget = _contraction(steps, fields, sizes) ** (1 / len(expansive)) if shared else None
    for i in expansive:
        if widths[i].limited:
            limits[i] = expansion_limit(budget, _nu(fields[i], widths[i]))
        sizes[i] = widths[i](limits[i])
    return tuple(sizes), tuple(limits)


def _nu(field, width):
    return field.nu if width.norm == "exact" else field.nu_bound


def _limit(step, field, width):
    return verdict(step, field, NON_EXPANSIVE).bound / _nu(field, width)


def _contraction(steps, fields, sizes):
    """The product of the contraction factors of the parts whose size is known."""
    factor = 1.0
    for step, field, h in zip(steps, fields, sizes):
        if h is not None and is_euler(step) and hasattr(field, "curvature"):
            factor = factor * contraction_factor(h, *field.curvature)
    return factor


def check_limits(steps, fields, widths) -> None:
    """Raise `ValueError` for a width that asks for a limit where there is none."""
    for step, field, width in zip(steps, fields, widths):
        if width.limited and not has_limit(step, field, fields):
            raise ValueError(
                f"{type(width).__name__} stays within a limit, but {step_info(step).name} on "
                f"{type(field).__name__} has none: FixedWidth, LearnedWidth and PositiveWidth "
                "need no limit"
            )


def has_limit(step, field, fields) -> bool:
    """Whether a largest step is known with which this part keeps the layer non-expansive."""
    if isinstance(field, ExpansiveField):
        return is_euler(step) and any(hasattr(other, "curvature") for other in fields)
    if NON_EXPANSIVE not in field.structure or not hasattr(field, "nu"):
        return False
    return verdict(step, field, NON_EXPANSIVE).status == CONDITIONAL
