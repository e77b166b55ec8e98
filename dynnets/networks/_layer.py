"""One layer: the sizes of its steps, and how large they may be."""

import diffrax

from dynnets._core import NON_EXPANSIVE
from dynnets.integrators import RungeKutta, step_info
from dynnets.structure import CONDITIONAL, verdict

from ._constants import contraction_factor, expansion_limit


def is_euler(step) -> bool:
    """Whether a step is explicit Euler, for which the sharp constants are known."""
    return isinstance(step, RungeKutta) and isinstance(step.solver, diffrax.Euler)


def layer_sizes(steps, fields, step_sizes) -> tuple[tuple, tuple]:
    """`(sizes, limits)` of the parts of one layer; a limit is `None` where no size asks for it.

    A non-expansive part may go as far as its step allows, `2 r / nu`. Expansive parts share what
    the contraction of the others leaves: the product of all factors is at most one.
    """
    sizes, limits = [None] * len(steps), [None] * len(steps)
    expansive = [i for i, field in enumerate(fields) if field.expansive]
    for i, (step, field, step_size) in enumerate(zip(steps, fields, step_sizes, strict=True)):
        if i not in expansive:
            limits[i] = _limit(step, field, step_size) if step_size.limited else None
            sizes[i] = step_size(limits[i])
    shared = any(step_sizes[i].limited for i in expansive)
    budget = _contraction(steps, fields, sizes) ** (1 / len(expansive)) if shared else None
    for i in expansive:
        if step_sizes[i].limited:
            limits[i] = expansion_limit(budget, _nu(fields[i], step_sizes[i]))
        sizes[i] = step_sizes[i](limits[i])
    return tuple(sizes), tuple(limits)


def _nu(field, step_size):
    return field.nu if step_size.norm == "exact" else field.nu_bound


def _limit(step, field, step_size):
    return verdict(step, field, NON_EXPANSIVE).bound / _nu(field, step_size)


def _contraction(steps, fields, sizes):
    """The product of the contraction factors of the parts whose size is known."""
    factor = 1.0
    for step, field, h in zip(steps, fields, sizes, strict=True):
        if h is not None and is_euler(step) and field.curvature is not None:
            factor = factor * contraction_factor(h, *field.curvature)
    return factor


def check_limits(steps, fields, step_sizes) -> None:
    """Raise `ValueError` for a step size that asks for a limit where there is none."""
    for step, field, step_size in zip(steps, fields, step_sizes, strict=True):
        if step_size.limited and not has_limit(step, field, fields):
            raise ValueError(
                f"{type(step_size).__name__} stays within a limit, but {step_info(step).name} on "
                f"{type(field).__name__} has none: FixedStepSize, LearnedStepSize and "
                "PositiveStepSize need no limit"
            )


def has_limit(step, field, fields) -> bool:
    """Whether a largest step is known with which this part keeps the layer non-expansive."""
    if field.expansive:
        return is_euler(step) and any(other.curvature is not None for other in fields)
    if NON_EXPANSIVE not in field.structure or field.nu is None:
        return False
    return verdict(step, field, NON_EXPANSIVE).status == CONDITIONAL
