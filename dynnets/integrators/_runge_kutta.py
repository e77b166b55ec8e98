"""Runge-Kutta methods of diffrax as steps, and what their tableaus say of structure.

No method is rewritten here: a tableau that diffrax does not have is a diffrax solver.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import ClassVar

import diffrax
import equinox as eqx
import jax.numpy as jnp
import numpy as np

from dynnets._core import MOMENTUM, SUM

from ._contraction import contraction_factor, euler_averagedness
from ._step import AbstractStep, StepInfo


class Kutta3(diffrax.AbstractERK):
    """Kutta's third-order method with nodes 0, 1/2, 1; error estimate by the midpoint rule."""

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
        a_lower=(np.array([1 / 2]), np.array([-1.0, 2.0])),
        b_sol=np.array([1 / 6, 2 / 3, 1 / 6]),
        b_error=np.array([1 / 6, -1 / 3, 1 / 6]),
        c=np.array([1 / 2, 1.0]),
    )
    interpolation_cls: ClassVar[Callable[..., diffrax.AbstractLocalInterpolation]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation.from_k
    )

    def order(self, terms):
        """3."""
        return 3


class SSP3(diffrax.AbstractERK):
    """Shu and Osher's third-order method with nodes 0, 1, 1/2; error estimate by Heun's method."""

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
        a_lower=(np.array([1.0]), np.array([1 / 4, 1 / 4])),
        b_sol=np.array([1 / 6, 1 / 6, 2 / 3]),
        b_error=np.array([-1 / 3, -1 / 3, 2 / 3]),
        c=np.array([1.0, 1 / 2]),
    )
    interpolation_cls: ClassVar[Callable[..., diffrax.AbstractLocalInterpolation]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation.from_k
    )

    def order(self, terms):
        """3."""
        return 3


class RK4(diffrax.AbstractERK):
    """The classic fourth-order method; error estimate by the midpoint rule (cautious)."""

    tableau: ClassVar[diffrax.ButcherTableau] = diffrax.ButcherTableau(
        a_lower=(np.array([1 / 2]), np.array([0.0, 1 / 2]), np.array([0.0, 0.0, 1.0])),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        b_error=np.array([1 / 6, -2 / 3, 1 / 3, 1 / 6]),
        c=np.array([1 / 2, 1 / 2, 1.0]),
    )
    interpolation_cls: ClassVar[Callable[..., diffrax.AbstractLocalInterpolation]] = (
        diffrax.ThirdOrderHermitePolynomialInterpolation.from_k
    )

    def order(self, terms):
        """4."""
        return 4


class RungeKutta(AbstractStep):
    """One fixed step of a Runge-Kutta method of diffrax, for any field; keeps linear invariants.

    Every other invariant is lost at the order that `info.defect_order` states, and
    `info.contractivity` bounds the steps that are non-expansive; both are computed from the
    tableau (`quadratic_defect_order`, `circle_contractivity`).

    **Arguments:** `solver`: a `diffrax.AbstractRungeKutta` solver such as `diffrax.Tsit5()`.
    Raises `ValueError` for anything else. Cost: its stages. For adaptive steps call
    `diffrax.diffeqsolve` itself.
    """

    solver: diffrax.AbstractSolver

    def __init__(self, solver):
        if not isinstance(solver, diffrax.AbstractRungeKutta | diffrax.Euler):
            raise ValueError(f"RungeKutta takes a Runge-Kutta solver of diffrax, got {solver!r}")
        # "bounded" loops over the stages can be differentiated forwards and backwards
        self.solver = (
            eqx.tree_at(lambda s: s.scan_kind, solver, "bounded", is_leaf=lambda leaf: leaf is None)
            if isinstance(solver, diffrax.AbstractRungeKutta) and solver.scan_kind is None
            else solver
        )

    @property
    def info(self):
        """`StepInfo`: order, defect order and contractivity of the method."""
        name = type(self.solver).__name__
        order = self.solver.order(diffrax.ODETerm(lambda t, y, args: y)) or 0
        defect, radius = _facts(type(self.solver), order)
        return StepInfo(
            name=f"RungeKutta({name})",
            order=order,
            needs=frozenset(),
            keeps=frozenset({SUM, MOMENTUM}),
            symmetric=False,
            invertible=False,
            evaluations=None,
            condition="every field, every h",
            source=f"diffrax.{name}" if name in dir(diffrax) else "Kutta 1901; Shu, Osher 1988",
            defect_order=defect,
            contractivity=radius,
            descent=2.0 if isinstance(self.solver, diffrax.Euler) else 0.0,
        )

    @property
    def contraction(self):
        """`contraction_factor` for Euler's method; for others no sharp constant is known."""
        return contraction_factor if isinstance(self.solver, diffrax.Euler) else None

    @property
    def averagedness(self):
        """`euler_averagedness` for Euler's method."""
        return euler_averagedness if isinstance(self.solver, diffrax.Euler) else None

    @property
    def growth(self):
        """`1 + |h| L` for Euler's method."""
        return _euler_growth if isinstance(self.solver, diffrax.Euler) else None

    def start(self, field, t, x, h, args=None):
        """The solver's own state."""
        return self.solver.init(diffrax.ODETerm(field), *_ends(t, h, x), x, args)

    def advance(self, field, t, x, h, args, memory):
        """One step of the solver from `t` to `t + h`."""
        term = diffrax.ODETerm(field)
        x, _, _, memory, _ = self.solver.step(term, *_ends(t, h, x), x, args, memory, False)
        return x, memory


def _euler_growth(h, lipschitz):
    return 1 + jnp.abs(h) * lipschitz


def _ends(t, h, x):
    """The ends of the step in the state's dtype: diffrax multiplies rates by their difference."""
    t = jnp.asarray(t, x.dtype)
    return t, t + jnp.asarray(h, x.dtype)


def _coefficients(tableau: diffrax.ButcherTableau) -> tuple[np.ndarray, np.ndarray]:
    """`(A, b)` of the stages that the result depends on (a last stage kept for the next step
    does not count).
    """
    weights = np.asarray(tableau.b_sol)
    matrix = np.zeros((len(weights), len(weights)))
    for i, row in enumerate(tableau.a_lower):
        matrix[i + 1, : i + 1] = row
    if tableau.a_diagonal is not None:
        matrix += np.diag(tableau.a_diagonal)
    while weights[-1] == 0 and not matrix[:-1, -1].any():
        weights, matrix = weights[:-1], matrix[:-1, :-1]
    return matrix, weights


def _algebraic_stability(matrix, weights) -> np.ndarray:
    """`M = diag(b) A + A^T diag(b) - b b^T`: zero for methods that keep quadratic invariants."""
    scaled = weights[:, None] * matrix
    return scaled + scaled.T - np.outer(weights, weights)


def circle_contractivity(tableau: diffrax.ButcherTableau) -> float:
    """The largest `r` with `M + diag(b) / r >= 0`, `M = diag(b) A + A^T diag(b) - b b^T`.

    The method is non-expansive in the Euclidean norm for `0 < h <= 2 r / nu` on every field with
    `(f(x) - f(y)) . (x - y) <= -|f(x) - f(y)|^2 / nu`, such as `-A^T s(A x + b)` with slopes of
    `s` in `[0, 1]` and `nu = |A|^2`. Sufficient, sharp for Euler's method. Zero when a weight is
    zero or negative (no `h > 0` is safe), infinite for algebraically stable methods.

    Euler, Heun, SSP3, RK4: 1; Bogacki-Shampine .899; Ralston .791; Kutta3 .5; midpoint, Dopri5,
    Tsit5: 0. Source: Dahlquist and Jeltsch, Generalized disks of contractivity, 1979.

    ```python
    >>> from dynnets.integrators import RK4, circle_contractivity, quadratic_defect_order
    >>> circle_contractivity(RK4.tableau), quadratic_defect_order(RK4.tableau, 4)
    (1.0, 5)

    ```
    """
    matrix, weights = _coefficients(tableau)
    if not (weights > 0).all():
        return 0.0
    root = np.sqrt(weights)
    least = np.linalg.eigvalsh(_algebraic_stability(matrix, weights) / np.outer(root, root))[0]
    return math.inf if least > -1e-12 else round(float(-1 / least), 12)


def quadratic_defect_order(tableau: diffrax.ButcherTableau, order: int) -> int:
    """The `r` such that a step changes a quadratic invariant by `O(h^(r + 1))`.

    The change is `-h^2 sum_ij M_ij k_i^T S k_j`; with the slopes expanded in elementary
    differentials, its terms are `h^(|u| + |v|) sum_ij M_ij phi_i(u) phi_j(v)` over pairs of
    rooted trees. At least the `order` of the method; Heun's method has 3. The symplectic form is
    a quadratic invariant of the variational equation, so the same `r` holds for it.
    Source: Hairer, Lubich, Wanner, Geometric Numerical Integration, 2006, VI.7 and VI.8.
    """
    matrix, weights = _coefficients(tableau)
    stability = _algebraic_stability(matrix, weights)
    for total in range(order + 1, order + 4):
        trees = _elementary_weights(matrix, total - 1)
        pairs = ((u, v) for k in range(1, total) for u in trees[k] for v in trees[total - k])
        if any(abs(u @ stability @ v) > 1e-10 for u, v in pairs):
            return total - 1
    return order + 3


def _elementary_weights(matrix: np.ndarray, most: int) -> dict[int, list[np.ndarray]]:
    """The internal weights `phi(u)`, one per stage, of the rooted trees with up to `most` nodes."""
    trees = {1: [np.ones(len(matrix))]}
    for nodes in range(2, most + 1):
        trees[nodes] = []
        for sizes in _partitions(nodes - 1, nodes - 1):
            groups = [
                itertools.combinations_with_replacement(trees[size], len(list(same)))
                for size, same in itertools.groupby(sizes)
            ]
            for choice in itertools.product(*groups):
                branches = [matrix @ branch for group in choice for branch in group]
                trees[nodes].append(np.prod(branches, axis=0))
    return trees


def _partitions(total: int, largest: int):
    """The ways to write `total` as a sum of positive integers of at most `largest`."""
    if total == 0:
        yield ()
    for first in range(min(total, largest), 0, -1):
        for rest in _partitions(total - first, first):
            yield (first, *rest)


@functools.cache
def _facts(solver: type, order: int) -> tuple[int | None, float]:
    """Defect order and contractivity of a solver class; what is not known is claimed to be 0."""
    if issubclass(solver, diffrax.Euler):
        return 1, 1.0
    tableau = solver.tableau if issubclass(solver, diffrax.AbstractRungeKutta) else None
    if not isinstance(tableau, diffrax.ButcherTableau):
        return None, 0.0
    return quadratic_defect_order(tableau, order), circle_contractivity(tableau)


explicit_euler = RungeKutta(diffrax.Euler())
"""Euler's method: order 1, non-expansive for `h <= 2 / nu`."""

heun = RungeKutta(diffrax.Heun())
"""Heun's method (explicit trapezoid): order 2, quadratic invariants to `O(h^4)` per step."""

explicit_midpoint = RungeKutta(diffrax.Midpoint())
"""The explicit midpoint rule: order 2; expansive for every `h` (a weight is zero)."""

ralston = RungeKutta(diffrax.Ralston())
"""Ralston's method: order 2."""

kutta3 = RungeKutta(Kutta3())
"""Kutta's method: order 3."""

ssp3 = RungeKutta(SSP3())
"""Shu and Osher's method: order 3, non-expansive for `h <= 2 / nu`."""

rk4 = RungeKutta(RK4())
"""The classic Runge-Kutta method: order 4, non-expansive for `h <= 2 / nu`."""
