"""The bridge to diffrax: our steps as its solvers."""

from collections.abc import Callable
from typing import ClassVar

import diffrax
import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array

from dynnets._core import join_phase, split_phase

from ._step import AbstractStep, check_parts


class _TermField(eqx.Module):
    """The field behind diffrax terms, through their public interface alone.

    diffrax integrates backwards with the sign in the control, so the rate is `sign * f`. The
    parts of a separable field are its halves: the compiler drops the half that is not read.
    """

    terms: diffrax.AbstractTerm
    sign: Array

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


def _term_field(terms, t0, t1, like) -> _TermField:
    return _TermField(terms, jnp.asarray(terms.contr(t0, t1) / (t1 - t0), like.dtype))


class StepSolver(diffrax.AbstractSolver):
    """A step as a `diffrax.AbstractSolver`: made by `as_solver`."""

    one_step: AbstractStep
    term_structure: ClassVar = diffrax.ODETerm
    interpolation_cls: ClassVar[Callable[..., diffrax.AbstractLocalInterpolation]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation
    )

    def order(self, terms):
        """Order of the step."""
        return self.one_step.info.order

    def init(self, terms, t0, t1, y0, args):
        """The step's first memory, and whether the field has the parts that the step needs."""
        field = _term_field(terms, t0, t1, y0)
        suits = field.is_separable(t0, y0, args) if self.one_step.info.needs else jnp.array(True)
        return suits, self.one_step.start(field, t0, y0, t1 - t0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        """One step from `t0` to `t1`; the status reports a step that is not finite."""
        field, h = _term_field(terms, t0, t1, y0), t1 - t0
        suits, memory = solver_state
        if made_jump is not False:
            fresh = self.one_step.start(field, t0, y0, h, args)
            memory = jtu.tree_map(lambda a, b: jnp.where(made_jump, a, b), fresh, memory)
        y1, memory = self.one_step.advance(field, t0, y0, h, args, memory)
        dense = {"y0": y0, "y1": y1, "k0": h * field(t0, y0, args), "k1": h * field(t1, y1, args)}
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

    **Arguments:** `step`: an `AbstractStep`; `field`: if given, checked now for the parts that
    the step needs. Without it a splitting step of a field that does not separate ends with the
    status `nonlinear_divergence`, never with a silent wrong step.

    Pass `diffrax.ODETerm(field)` and `diffrax.ConstantStepSize()` or `StepTo`. Output between
    steps is a cubic Hermite interpolation (order 3), which preserves nothing by itself. Adaptive
    control is refused by diffrax, since a step gives no error estimate: it would lose the
    structure. Raises `ValueError` for something that is not an `AbstractStep`.

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
    if not isinstance(step, AbstractStep):
        raise ValueError(f"a solver is made from an AbstractStep, got {step!r}")
    if field is not None:
        check_parts(step, field)
    return StepSolver(step)
