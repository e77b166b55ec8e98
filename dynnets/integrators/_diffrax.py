"""The bridge to diffrax: our steps as its solvers."""

from collections.abc import Callable
from typing import Any, ClassVar

import diffrax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array

from dynnets._core import join_phase, split_phase
from dynnets.fields import AbstractField

from ._step import AbstractStep, as_step, check_parts


class _TermField(AbstractField):
    """The field behind diffrax terms, through their public interface alone.

    diffrax integrates backwards with the sign in the control, so the rate is `sign * f`. The
    parts of a separable field are its halves: the compiler drops the half that is not read.
    """

    terms: diffrax.AbstractTerm
    sign: Array

    @property
    def structure(self):
        """Nothing is known of the flow of a term."""
        return frozenset()

    def __call__(self, t, x, args=None):
        return self.sign * self.terms.vf(t, x, args)

    def kick(self, t, q, args=None):
        return split_phase(self(t, join_phase(q, q), args))[1]

    def drift(self, t, p, args=None):
        return split_phase(self(t, join_phase(p, p), args))[0]

    def is_separable(self, t, x, args):
        """Whether each half of the rate is blind to its own half of the state."""
        q, p = split_phase(x)
        unknown = jnp.full_like(q, jnp.nan)
        kick = split_phase(self(t, join_phase(q, unknown), args))[1]
        drift = split_phase(self(t, join_phase(unknown, p), args))[0]
        return jnp.isfinite(kick).all() & jnp.isfinite(drift).all()


_FROM_TERMS = frozenset({"kick", "drift"})
"""Parts that can be read off the terms; all others only the field itself offers."""


class StepSolver(diffrax.AbstractSolver):
    """A step as a `diffrax.AbstractSolver`: made by `as_solver`."""

    one_step: AbstractStep
    field: Any = None
    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar[Callable[..., diffrax.AbstractLocalInterpolation]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation
    )

    def order(self, terms):
        """Order of the step."""
        return self.one_step.info.order

    def init(self, terms, t0, t1, y0, args):
        """The step's first memory, and whether the field has the parts that the step needs."""
        field, t, h = self._view(terms, t0, t1, y0)
        suits = jnp.array(True)
        if isinstance(field, _TermField) and self.one_step.info.needs:
            suits = field.is_separable(t0, y0, args)
        return suits, self.one_step.start(field, t, y0, h, args)

    def _view(self, terms, t0, t1, like):
        """The field, the time and the width that the step sees: the terms', or the field's own.

        diffrax runs backwards on negated times, with the sign in the control.
        """
        sign = terms.contr(t0, t1) / (t1 - t0)
        if self.field is None:
            return _TermField(terms, jnp.asarray(sign, like.dtype)), t0, t1 - t0
        return self.field, sign * t0, sign * (t1 - t0)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from `t0` to `t1`; the status reports a step that is not finite."""
        field, t, h = self._view(terms, t0, t1, y0)
        suits, memory = solver_state
        if made_jump is not False:
            fresh = self.one_step.start(field, t, y0, h, args)
            memory = jtu.tree_map(lambda a, b: jnp.where(made_jump, a, b), fresh, memory)
        y1, memory = self.one_step.advance(field, t, y0, h, args, memory)
        ends = h * field(t, y0, args), h * field(t + h, y1, args)
        dense = {"y0": y0, "y1": y1, "k0": ends[0], "k1": ends[1]}
        result = diffrax.RESULTS.where(
            suits & jnp.isfinite(y1).all(),
            diffrax.RESULTS.successful,
            diffrax.RESULTS.nonlinear_divergence,
        )
        return y1, None, dense, (suits, memory), result

    def func(self, terms, t0, y0, args):
        """The field."""
        return terms.vf(t0, y0, args)


def as_solver(step, field=None) -> StepSolver:
    """Use a step in `diffrax.diffeqsolve`: events, `SaveAt` and adjoints come from diffrax.

    **Arguments:** `step`: as of `rollout`; `field`: if given, checked now for the parts that
    the step needs. Without it a splitting step of a field that does not separate ends with the
    status `nonlinear_divergence`, never with a silent wrong step. Steps that need other parts
    than `kick` and `drift`, such as `flows`, need it, and use it in place of the term's.

    Pass `diffrax.ODETerm(field)` and `diffrax.ConstantStepSize()` or `StepTo`. Output between
    steps is a cubic Hermite interpolation (order 3), which preserves nothing by itself. Adaptive
    control is refused by diffrax, since a step gives no error estimate: it would lose the
    structure. Raises `ValueError` for something that is no step, and for a missing
    field or part.

    ```python
    >>> import diffrax, jax.numpy as jnp
    >>> from dynnets.integrators import as_solver, yoshida4
    >>> from dynnets.systems import Harmonic
    >>> solution = diffrax.diffeqsolve(
    ...     diffrax.ODETerm(Harmonic().field), as_solver(yoshida4), 0.0, 10.0, 0.1,
    ...     jnp.array([1.0, 0.0]))
    >>> solution.ys.shape
    (1, 2)

    ```
    """
    step = as_step(step)
    if field is not None:
        check_parts(step, field)
    others = sorted(step.info.needs - _FROM_TERMS)
    if others and field is None:
        raise ValueError(
            f"{step.info.name} needs {' and '.join(others)}, which diffrax terms do not show: "
            "call as_solver(step, field)"
        )
    return StepSolver(step, field if others else None)
