"""Parameters of the systems: their type and the checks that they share."""

import math

import jax
from jaxtyping import Array, Float

from dynnets._core import check_finite, check_positive

Number = float | int | Float[Array, ""]
"""A physical parameter: a Python number, or a scalar array where it is traced or fitted."""


def check_parameters(system, *names: str) -> None:
    """Raise `ValueError` unless the named parameters are positive and finite.

    Traced parameters pass: their values are not known yet.
    """
    for name in names:
        value = getattr(system, name)
        if not isinstance(value, jax.core.Tracer):
            check_positive(name, value)


def check_not_negative(system, *names: str) -> None:
    """Raise `ValueError` unless the named parameters are finite and at least zero."""
    for name in names:
        value = getattr(system, name)
        if not isinstance(value, jax.core.Tracer):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be finite and not negative, got {value}")


def check_range(name: str, bounds: tuple, least: float | None = None) -> None:
    """Raise `ValueError` unless `bounds` is a pair `(low, high)` with `least <= low <= high`."""
    if len(bounds) != 2:
        raise ValueError(f"{name} must be a pair (low, high), got {bounds}")
    if any(isinstance(bound, jax.core.Tracer) for bound in bounds):
        return
    check_finite(name, bounds)
    low, high = bounds
    if low > high or (least is not None and low < least):
        floor = "" if least is None else f"{least} <= "
        raise ValueError(f"{name} must satisfy {floor}low <= high, got {bounds}")


def check_masses(name: str, masses: tuple, count: int) -> None:
    """Raise `ValueError` unless `masses` holds `count` positive numbers."""
    if len(masses) != count:
        raise ValueError(f"{name} must hold {count} values, got {len(masses)}: {masses}")
    for i, value in enumerate(masses):
        if not isinstance(value, jax.core.Tracer):
            check_positive(f"{name}[{i}]", value)
