"""The lines that fields owe to the energy behind them."""

import math

from dynnets._core import Bound
from dynnets.energies import AbstractEnergy


def energy_bounds(energy: AbstractEnergy) -> tuple[Bound, ...]:
    """What an energy proves of its parameters, and the range of its values where it is known."""
    span = energy.range_bound
    if span is None:
        return energy.bounds()
    low, high = span
    text = f"the energy lies in [{low:.3g}, {high:.3g}] everywhere"
    return (
        *energy.bounds(),
        Bound("ENERGY RANGE", high - low, text, math.isfinite(high - low)),
    )


def speed_bound(limit: float | None) -> tuple[Bound, ...]:
    """That `|f|` never exceeds `limit`; nothing where no such number is known (`None`)."""
    if limit is None:
        return ()
    text = "|f(x)| everywhere (product of exact layer norms): exact solutions exist for all time"
    return (Bound("SPEED <=", limit, text, math.isfinite(limit)),)
