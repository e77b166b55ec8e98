"""Gauss collocation: implicit Runge-Kutta methods of the highest order, symplectic."""

import functools

import equinox as eqx
import numpy as np

from dynnets._core import NON_EXPANSIVE, check_size

from ._implicit import QUADRATIC, SOLVED, collocate, each_state
from ._step import AbstractStep, StepInfo

_MOST = 5  # beyond, the matrix that gives the coefficients costs digits and Newton too much


def gauss_tableau(stages: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`(A, b, c)` of Gauss collocation, from the roots of the Legendre polynomial.

    `c` are the roots on `[0, 1]`, `b` the weights of their quadrature,
    `A_ij = int_0^{c_i} l_j` with `l_j` the Lagrange polynomials on `c`. `stages`: 1 to 5.

    ```python
    >>> from dynnets.integrators import gauss_tableau
    >>> matrix, weights, nodes = gauss_tableau(2)
    >>> matrix.shape, weights.tolist()
    ((2, 2), [0.5, 0.5])

    ```
    """
    check_size("stages", stages)
    if stages > _MOST:
        raise ValueError(f"stages must be at most {_MOST}, got {stages}")
    roots, weights = np.polynomial.legendre.leggauss(stages)
    nodes, powers = (roots + 1) / 2, np.arange(stages)
    integrals = nodes[:, None] ** (powers + 1) / (powers + 1)
    matrix = np.linalg.solve((nodes[:, None] ** powers).T, integrals.T).T
    return matrix, weights / 2, nodes


@functools.cache
def _collocation(stages: int) -> tuple:
    matrix, weights, nodes = gauss_tableau(stages)
    combination = np.linalg.solve(matrix.T, weights)
    return tuple(map(tuple, matrix.tolist())), tuple(combination.tolist()), tuple(nodes.tolist())


class Gauss(AbstractStep):
    """Gauss collocation with `s` stages: order `2 s`, symmetric, for any field.

    `z_i = h sum_j A_ij f(t + c_j h, x + z_j)`, `x' = x + h sum_i b_i f(t + c_i h, x + z_i)`.

    Preserves: the symplectic form of any Hamiltonian field, the Poisson form of a constant skew
    matrix, every linear and quadratic invariant, the distance of solutions of monotone fields
    for every `h > 0`; the volume of fields whose Jacobian is similar to its negative (shears)
    for `s <= 2` only. One stage is `ImplicitMidpoint`.

    **Arguments:** `stages`: `s`, 1 to 5, orders 2 to 10; `max_steps`: the largest number of
    Newton's iterations. A solve that does not converge returns NaN, never a silent wrong step.

    Cost: about 3 Newton iterations of `s` evaluations and `s^2 d` directional derivatives of the
    field and a solve of size `s d`. Newton rather than fixed-point iteration: that one costs
    only `s` evaluations a sweep, but needs `log(eps) / log(h |f'|)` sweeps and fails for
    `h |f'| > 1`, where implicit methods are worth having. Raises `ValueError` for other `stages`.
    Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, II.1.3 and IV.2.
    """

    stages: int = eqx.field(default=2, static=True)
    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        gauss_tableau(self.stages)
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order `2 s`, any field, every quadratic invariant."""
        shears = self.stages <= 2
        return StepInfo(
            name=f"Gauss({self.stages})",
            order=2 * self.stages,
            needs=frozenset(),
            keeps=QUADRATIC | {NON_EXPANSIVE},
            symmetric=True,
            invertible=False,
            evaluations=None,
            condition=SOLVED,
            source="Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006",
            contractivity=float("inf"),
            keeps_shears=shears,
            quadratic=True,
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        return None

    def advance(self, field, t, x, h, args, memory):
        """Solve for the stages from the explicit Euler guess."""
        tableau = _collocation(self.stages)
        one = lambda y, u: collocate(field, t, y, h, u, tableau, self.max_steps)  # noqa: E731
        return each_state(one, field, x, args), None
