"""One layer: the sizes of its steps, and how large they may be.

What the theory allows is an interval whose end moves to infinity with vanishing weights; what
rounding allows is less. Three things keep every limit finite and true as it is computed:

- A limit `c / nu` is shortened by some units of round-off, and `nu` is an upper bound already, so
  the product of the size and the true constant never exceeds `c`.
- `nu` counts as at least `eps`. Where all weights are zero the layer is the identity whatever `h`,
  so any ceiling is right. This one, `c / eps`, is where a layer starts to do harm: its move
  `h A^T s` reaches `c / sqrt(eps)`, which swallows half of the digits of a state of size one.
- An expansive part expands sixteen times at most, even after a part that contracts to a point:
  what it expands then is the rounding of that part.
"""

import jax.numpy as jnp

from dynnets._core import NON_EXPANSIVE
from dynnets.integrators import step_info
from dynnets.structure import CONDITIONAL, verdict

from ._constants import expansion_limit
from ._factors import eps_of, part_factor

_LARGEST_EXPANSION = 16.0


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
    count = len(expansive)
    contraction = _contraction(steps, fields, sizes, count) if shared else None
    for i in expansive:
        if step_sizes[i].limited:
            nu = _nu(fields[i], step_sizes[i])
            share = contraction ** (1 / count) * (1 + 16 * eps_of(nu))
            limits[i] = jnp.maximum(expansion_limit(share, nu), 0)
        sizes[i] = step_sizes[i](limits[i])
    return tuple(sizes), tuple(limits)


def _nu(field, step_size):
    products = step_size.norm == "gram" and field.nu_bound is not None
    nu = field.nu_bound if products else field.nu
    return jnp.maximum(nu, eps_of(nu))


def _limit(step, field, step_size):
    nu = _nu(field, step_size)
    return verdict(step, field, NON_EXPANSIVE).bound / nu * (1 - 8 * eps_of(nu))


def _contraction(steps, fields, sizes, count: int):
    """The product of the contraction factors of the parts whose size is known, or what is left of
    it where `count` parts may expand by the largest factor each.
    """
    factor = 1.0
    for step, field, h in zip(steps, fields, sizes, strict=True):
        if h is not None and _contracts(step, field):
            factor = factor * part_factor(step, field, jnp.asarray(h, field.curvature[1].dtype))
    return jnp.maximum(factor, _LARGEST_EXPANSION**-count)


def _contracts(step, field) -> bool:
    """Whether the factor of a step is known from the curvature of its field."""
    return step.contraction is not None and field.curvature is not None


def check_limits(steps, fields, step_sizes) -> None:
    """Raise `ValueError` for a step size that asks for a limit where there is none."""
    for step, field, step_size in zip(steps, fields, step_sizes, strict=True):
        if step_size.limited and not has_limit(step, field, steps, fields):
            raise ValueError(
                f"{type(step_size).__name__} stays within a limit, but {step_info(step).name} on "
                f"{type(field).__name__} has none: FixedStepSize, LearnedStepSize and "
                "PositiveStepSize need no limit"
            )


def has_limit(step, field, steps, fields) -> bool:
    """Whether a largest step is known with which this part keeps the layer non-expansive."""
    if field.nu is None:
        return False
    if field.expansive:
        return step.growth is not None and any(map(_contracts, steps, fields))
    if NON_EXPANSIVE not in field.structure:
        return False
    return verdict(step, field, NON_EXPANSIVE).status == CONDITIONAL
