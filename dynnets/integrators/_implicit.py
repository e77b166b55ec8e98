"""Implicit steps: collocation, the midpoint rule, Euler's method."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import (
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    SUM,
    SYMPLECTIC,
    check_size,
    newton,
)
from dynnets.fields import AbstractField

from ._contraction import (
    implicit_euler_averagedness,
    implicit_euler_contraction_factor,
    midpoint_averagedness,
    midpoint_contraction_factor,
)
from ._step import AbstractStep, StepInfo

QUADRATIC = frozenset({SYMPLECTIC, POISSON, NORM, ORTHOGONAL, SUM, MOMENTUM})
"""What methods without a defect on quadratic invariants keep."""

SOLVED = "the solve converges (else NaN); symmetric where the equation has one root near by"
"""When the claims of an implicit step hold: a long step may come back to another root."""


def is_batch(field, x) -> bool:
    """Whether `x` is a features-first batch `(d, N)` rather than one state, which is a matrix for
    a field that keeps `Q^T Q`.
    """
    return x.ndim == 2 and not (isinstance(field, AbstractField) and ORTHOGONAL in field.structure)


def each_state(one: Callable, field, x, args) -> Array:
    """`one(x, args)` for the state, or for every column of a batch (with its column of inputs)."""
    if not is_batch(field, x):
        return one(x, args)
    axis = -1 if eqx.is_array(args) and args.ndim == 2 else None
    return jax.vmap(one, in_axes=(-1, axis), out_axes=-1)(x, args)


def size_of(x, rate, h) -> Array:
    """The size of the unknown of an implicit step: of the state, or of the way it goes."""
    return jnp.maximum(jnp.abs(x).max(), jnp.abs(h * rate).max())


def collocate(field, t, x, h, args, tableau, max_steps: int) -> Array:
    """One step of an implicit Runge-Kutta method from one state, a real or complex array.

    **Arguments:** `tableau`: `(A, d, c)` with the stage matrix `A`, `d = A^{-T} b` and the nodes:
    `z_i = h sum_j A_ij f(t + c_j h, x + z_j)` and `x' = x + sum_i d_i z_i`.
    """
    matrix, combination, nodes = tableau
    matrix = jnp.asarray(matrix, x.dtype)
    rate = field(t, x, args)
    guess = jnp.stack([c * h * rate for c in nodes])

    def residual(z):
        slopes = jnp.stack(
            [field(t + c * h, x + stage, args) for c, stage in zip(nodes, z, strict=True)]
        )
        return z - h * jnp.tensordot(matrix, slopes, 1)

    stages = newton(residual, guess, size_of(x, rate, h), max_steps)
    return x + sum(d * stage for d, stage in zip(combination, stages, strict=True))


_MIDPOINT = (((0.5,),), (2.0,), (0.5,))
_EULER = (((1.0,),), (1.0,), (1.0,))


class ImplicitMidpoint(AbstractStep):
    """`x' = x + h f(t + h/2, (x + x') / 2)`, order 2, symmetric, for any field.

    Preserves: the symplectic form of any Hamiltonian field, the Poisson form of a constant
    skew matrix, every linear and quadratic invariant (norm, `Q^T Q`, sum); the volume of fields
    whose Jacobian is similar to its negative (shears); the 2-norm distance of solutions of
    monotone fields for every `h > 0`. On `-grad V`, `V` falls for `h <= 4 / L`. Solved by
    Newton's method (Jacobian by forward differentiation, gradient by the implicit function
    theorem) to round-off.

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
        """`StepInfo`: order 2, any field, every quadratic invariant."""
        return StepInfo(
            name="ImplicitMidpoint",
            order=2,
            needs=frozenset(),
            keeps=QUADRATIC | {NON_EXPANSIVE},
            symmetric=True,
            invertible=False,
            evaluations=None,
            condition=SOLVED,
            source="Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006",
            contractivity=float("inf"),
            descent=4.0,
            keeps_shears=True,
            quadratic=True,
        )

    def contraction(self, h, low, high):
        """`midpoint_contraction_factor`."""
        return midpoint_contraction_factor(h, low, high)

    def averagedness(self, h, nu):
        """`midpoint_averagedness`."""
        return midpoint_averagedness(h, nu)

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """Solve for the midpoint from the explicit Euler guess."""
        one = lambda y, u: collocate(field, t, y, h, u, _MIDPOINT, self.max_steps)  # noqa: E731
        return each_state(one, field, x, args), None


class ImplicitEuler(AbstractStep):
    """`x' = x + h f(t + h, x')`, order 1, for any field: the resolvent of the field.

    Preserves: linear invariants. On monotone fields it is firmly non-expansive for every
    `h > 0`; on `-grad V` with an `L`-smooth `V` it never raises `V` for `h <= 2 / L`, and for
    every `h` where `V` is convex. Damps what oscillates. `max_steps`, cost, status and gradient:
    as `ImplicitMidpoint`. Source: Hairer, Wanner, Solving Ordinary Differential Equations II,
    1996, IV.12.
    """

    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order 1, any field, linear invariants, non-expansive."""
        return StepInfo(
            name="ImplicitEuler",
            order=1,
            needs=frozenset(),
            keeps=frozenset({SUM, MOMENTUM, NON_EXPANSIVE}),
            symmetric=False,
            invertible=False,
            evaluations=None,
            condition="the solve converges (else NaN)",
            source="Hairer, Wanner, Solving Ordinary Differential Equations II, 1996",
            contractivity=float("inf"),
            descent=2.0,
            convex=True,
        )

    def contraction(self, h, low, high):
        """`implicit_euler_contraction_factor`."""
        return implicit_euler_contraction_factor(h, low, high)

    def averagedness(self, h, nu):
        """`implicit_euler_averagedness`."""
        return implicit_euler_averagedness(h, nu)

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """Solve for the end from the explicit Euler guess."""
        one = lambda y, u: collocate(field, t, y, h, u, _EULER, self.max_steps)  # noqa: E731
        return each_state(one, field, x, args), None
