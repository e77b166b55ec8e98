"""Compensated summation: long runs whose round-off does not add up."""

import dataclasses

import jax.numpy as jnp

from dynnets._core import join_phase, split_phase

from ._splitting import Splitting
from ._step import AbstractStep


class Compensated(AbstractStep):
    """A splitting whose state is kept as an unevaluated sum `x + e` of two numbers.

    Every kick and drift adds a small change to a large number and rounds; here what the rounding
    drops (Knuth's two-sum, exact) is added to the next change, so the round-off of a run of `n`
    steps grows with the round-off of the *changes*, `h` times smaller, instead of that of the
    state. Worth it when round-off rules: float32, small steps, long runs. The rates are evaluated
    at `x`; a rollout reports `x`.

    **Arguments:** `step`: a `Splitting`. Raises `ValueError` for another step, whose updates are
    not plain sums.

    Preserves: what the step keeps, to round-off; symmetric and invertible as it is. In a rollout
    the memory holds `e`; a bare call starts with `e = 0` and is the step itself. Cost: that of
    the step, and six additions per number and part. Source: Kahan, Communications of the ACM 8,
    1965; Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, VIII.5.
    """

    step: Splitting

    def __init__(self, step):
        if not isinstance(step, Splitting):
            name = step.info.name if isinstance(step, AbstractStep) else repr(step)
            raise ValueError(
                f"compensated summation takes a Splitting, whose updates are sums, got {name}"
            )
        self.step = step

    @property
    def info(self):
        """`StepInfo` of the step."""
        info = self.step.info
        return dataclasses.replace(
            info,
            name=f"Compensated({info.name})",
            source=f"{info.source}; Kahan, Communications of the ACM 8, 1965",
        )

    def start(self, field, t, x, h, args=None):
        """The step's own memory, and round-off zero."""
        return self.step.start(field, t, x, h, args), jnp.zeros_like(x)

    def advance(self, field, t, x, h, args, memory):
        """The step on pairs of a value and its round-off."""
        rate, error = memory
        state = tuple(zip(split_phase(x), split_phase(error), strict=True))
        (q, q_error), (p, p_error), rate = self.step.alternate(
            field, t, state, h, args, rate, add=_add, read=lambda pair: pair[0]
        )
        return join_phase(q, p), (rate, join_phase(q_error, p_error))

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from `x(t + h)`, by the step's inverse."""
        return self.step.inverse(field, t, x, h, args)


def _add(pair, change):
    """`(value, error) + change`, with the exact round-off of the sum as the new error."""
    value, error = pair
    change = change + error
    total = value + change
    taken = total - value
    return total, (value - (total - taken)) + (change - taken)
