"""Implicit structure-preserving steps, solved to round-off by optimistix."""

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx

from dynnets._core import MOMENTUM, POISSON, SYMPLECTIC, VOLUME, check_size

from ._step import AbstractStep, StepInfo


class ImplicitMidpoint(AbstractStep):
    """`x' = x + h f(t + h/2, (x + x') / 2)`, order 2, symmetric, for any field.

    Preserves: the symplectic form of any Hamiltonian field, the Poisson form of a constant
    skew matrix, every linear and quadratic invariant. Solved by Newton's method (Jacobian by
    forward differentiation, gradient by the implicit function theorem) until the update is
    below 32 units of round-off.

    **Arguments:** `max_steps`: of Newton. A solve that does not converge returns NaN, never a
    silent wrong step: `Rollout.finite_steps` says where.

    Cost: about 3 evaluations and Jacobians of the field per step. Source: Hairer, Lubich,
    Wanner, Geometric Numerical Integration, 2006, VI.4.
    """

    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order 2, any field, symplectic and Poisson."""
        return StepInfo(
            name="ImplicitMidpoint",
            order=2,
            needs=frozenset(),
            keeps=frozenset({SYMPLECTIC, POISSON, VOLUME, MOMENTUM}),
            symmetric=True,
            invertible=False,
            evaluations=None,
            condition="the solve converges (else NaN); volume: for Hamiltonian and Poisson fields",
            source="Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """Solve for `x'` from the explicit Euler guess."""
        if x.ndim == 2:
            one = lambda y: self.advance(field, t, y, h, args, memory)[0]  # noqa: E731
            return jax.vmap(one, in_axes=-1, out_axes=-1)(x), None

        def residual(new, _):
            return new - x - h * field(t + 0.5 * h, 0.5 * (x + new), args)

        tolerance = 32 * float(jnp.finfo(x.dtype).eps)
        solution = optx.root_find(
            residual,
            optx.Newton(rtol=tolerance, atol=tolerance),
            x + h * field(t, x, args),
            max_steps=self.max_steps,
            throw=False,
        )
        converged = solution.result == optx.RESULTS.successful
        return jnp.where(converged, solution.value, jnp.nan), None
