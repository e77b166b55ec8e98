"""Discrete gradients: steps that keep the energy itself, or let it fall, for every step size.

A discrete gradient `g(x, y)` of `H` satisfies `g . (y - x) = H(y) - H(x)` and
`g(x, x) = grad H(x)`. With `x' = f` written as `f = B(x) grad H(x)`, the step
`y = x + h B((x + y) / 2) g(x, y)` changes `H` by `h g . B g`: nothing where `B` is skew, never
upwards where `-B` is positive. The field offers `energy` and
`apply_structure(t, x, gradient, args)`, which is `f` as a function of the gradient.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import DISSIPATIVE, ENERGY, MOMENTUM, NORM, check_size, newton
from dynnets.energies import AbstractEnergy

from ._implicit import SOLVED, each_state, size_of
from ._step import AbstractStep, StepInfo, check_parts

_NEEDS = frozenset({"energy", "apply_structure"})
_KEEPS = frozenset({ENERGY, DISSIPATIVE, NORM})
_CONDITION = f"the energy does not depend on time and {SOLVED}"


def gonzalez_gradient(
    energy: AbstractEnergy, t, x: Float[Array, " d"], y: Float[Array, " d"]
) -> Array:
    """Gonzalez' discrete gradient: `grad H` at the midpoint, corrected along `y - x`.

    `g = grad H(m) + (H(y) - H(x) - grad H(m) . (y - x)) (y - x) / |y - x|^2`, `m = (x + y) / 2`.
    The numerator is faded out where it is below the round-off of `H`, so that short steps and
    equilibria (0/0) do not amplify it; the energy is then kept to that round-off all the same.
    Cost: one gradient and two values. Source: Gonzalez, Journal of Nonlinear Science 6, 1996.
    """
    way = y - x
    gradient = energy.gradient(t, (x + y) / 2)
    before, after = energy(t, x), energy(t, y)
    gap = after - before - gradient @ way
    finfo = jnp.finfo(x.dtype)
    noise = 16 * float(finfo.eps) * (jnp.abs(before) + jnp.abs(after))
    gap = gap * jax.lax.stop_gradient(gap**2 / (gap**2 + noise**2 + float(finfo.tiny)))
    square = way @ way
    moved = square > 0
    return gradient + jnp.where(moved, gap / jnp.where(moved, square, 1), 0) * way


def mean_value_gradient(
    energy: AbstractEnergy, t, x: Float[Array, " d"], y: Float[Array, " d"], points: int
) -> Array:
    """The mean of the gradient on the segment, `int_0^1 grad H(x + s (y - x)) ds`.

    By Gauss quadrature with `points` points: exact for polynomial energies of degree up to
    `2 points`, else `g . (y - x)` misses `H(y) - H(x)` by `O(|y - x|^(2 points + 1))`. Cost:
    `points` gradients. Source: McLachlan, Quispel, Robidoux, Philosophical Transactions A 357,
    1999; as an integrator (average vector field): Quispel, McLaren, Journal of Physics A 41, 2008.
    """
    roots, weights = np.polynomial.legendre.leggauss(points)
    places = jnp.asarray((roots + 1) / 2, x.dtype)
    line = x[:, None] + (y - x)[:, None] * places[None]
    return energy.gradient(t, line) @ jnp.asarray(weights / 2, x.dtype)


def itoh_abe_gradient(energy: Callable, t, x: Float[Array, " d"], y: Float[Array, " d"]) -> Array:
    """Itoh and Abe's coordinate increments: no derivative of `H` is asked for.

    `g_i = (H(y_1 .. y_i, x_{i+1} ..) - H(y_1 .. y_{i-1}, x_i ..)) / (y_i - x_i)`. Where a
    coordinate moves by less than `eps^(1/3)` of the state's size the difference is taken about
    its middle over that distance instead (0/0): that changes `g . (y - x)` by `O(eps)`.
    Cost: `2 d` values. Source: Itoh and Abe, Journal of Computational Physics 76, 1988.
    """
    size = jnp.maximum(jnp.abs(x).max(), jnp.abs(y).max())
    least = float(jnp.finfo(x.dtype).eps) ** (1 / 3) * jnp.where(size > 0, size, 1)
    least = jax.lax.stop_gradient(least)
    way, middle = y - x, (x + y) / 2
    short = jnp.abs(way) < least
    upper = jnp.where(short, middle + least / 2, y)
    lower = jnp.where(short, middle - least / 2, x)
    order = jnp.arange(x.shape[0])
    base = jnp.where(order[:, None] < order[None], y[:, None], x[:, None])
    here = order[:, None] == order[None]
    points = [jnp.where(here, end[:, None], base) for end in (upper, lower)]
    high, low = jnp.split(energy(t, jnp.concatenate(points, axis=1)), 2)
    return (high - low) / jnp.where(short, least, way)


def _solve(gradient: Callable, field, t, x, h, args, max_steps: int) -> Array:
    """`y = x + h B g(x, y)` for one state, from the explicit Euler guess."""
    middle, energy = t + 0.5 * h, field.energy
    rate = field(t, x, args)

    def residual(y):
        slope = gradient(energy, middle, x, y)
        return y - x - h * field.apply_structure(middle, (x + y) / 2, slope, args)

    # increments of H carry its round-off, divided by at least eps^(1/3) of the state's size
    size = size_of(x, rate, h)
    noise = 2 * jnp.abs(h * energy(t, x)) / jnp.where(size > 0, size, 1)
    return newton(residual, x + h * rate, jnp.maximum(size, noise), max_steps)


class Gonzalez(AbstractStep):
    """The step of `gonzalez_gradient`: order 2, symmetric, keeps any energy for every `h`.

    Needs `energy` and `apply_structure`. Preserves: `H` where the structure is skew; its fall
    where the field loses energy (gradient flows, port-Hamiltonian fields without input);
    quadratic Casimirs of the structure. Loses the symplectic form (defect `O(h^3)` per step)
    and, in general, momenta. On quadratic energies it is the implicit midpoint rule.

    **Arguments:** `max_steps`: the largest number of Newton's iterations; no convergence gives NaN,
    never a silent wrong step. Cost: about 3 evaluations and Jacobians of the discrete gradient.
    """

    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order 2, keeps the energy."""
        return StepInfo(
            name="Gonzalez",
            order=2,
            needs=_NEEDS,
            keeps=_KEEPS,
            symmetric=True,
            invertible=False,
            evaluations=None,
            condition=_CONDITION,
            source="Gonzalez, Journal of Nonlinear Science 6, 1996",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without the parts."""
        return check_parts(self, field)

    def advance(self, field, t, x, h, args, memory):
        """Solve for `x'`."""

        def one(y, u):
            return _solve(gonzalez_gradient, field, t, y, h, u, self.max_steps)

        return each_state(one, field, x, args), None


class MeanValue(AbstractStep):
    """The step of `mean_value_gradient` (average vector field): order 2, symmetric.

    Needs `energy` and `apply_structure`. Preserves: as `Gonzalez`, and linear invariants of
    constant structures (total momentum), but the energy only as well as the quadrature does:
    exactly for polynomials of degree up to `2 points`, else up to `O(h^(2 points + 1))` per step.

    **Arguments:** `points`: how many the quadrature has, 1 or more; the default leaves energies
    made of nets no defect above round-off at steps that resolve the motion. `max_steps`: the
    largest number of Newton's iterations. Cost: `points` gradients per evaluation, as one batch.
    """

    points: int = eqx.field(default=6, static=True)
    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        check_size("points", self.points)
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order 2, the energy to the order of the quadrature, linear invariants."""
        return StepInfo(
            name=f"MeanValue({self.points})",
            order=2,
            needs=_NEEDS,
            keeps=frozenset({NORM, MOMENTUM}),
            symmetric=True,
            invertible=False,
            evaluations=None,
            condition=f"{_CONDITION}; energies that are polynomials of degree up to "
            f"{2 * self.points} are kept exactly",
            source="Quispel, McLaren, Journal of Physics A 41, 2008",
            energy_order=2 * self.points,
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without the parts."""
        return check_parts(self, field)

    def advance(self, field, t, x, h, args, memory):
        """Solve for `x'`."""

        def mean(energy, time, a, b):
            return mean_value_gradient(energy, time, a, b, self.points)

        return each_state(
            lambda y, u: _solve(mean, field, t, y, h, u, self.max_steps), field, x, args
        ), None


class ItohAbe(AbstractStep):
    """The step of `itoh_abe_gradient`: order 1, or 2 and symmetric; derivative-free in `H`.

    Needs `energy` and `apply_structure`. Preserves: as `Gonzalez`; depends on the order of the
    coordinates. A coordinate that hardly moves is resolved to `h eps^(2/3)` only.

    **Arguments:** `symmetrised`: use the mean of `g(x, y)` and `g(y, x)`, which is a discrete
    gradient too: order 2 at twice the cost. `max_steps`: the largest number of Newton's iterations.
    Cost: `2 d` values of `H` per evaluation, as one batch.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import (
    ...     ItohAbe, gonzalez_gradient, itoh_abe_gradient, mean_value_gradient)
    >>> from dynnets.systems import Harmonic
    >>> energy, x, y = Harmonic().energy, jnp.array([1.0, 0.0]), jnp.array([0.5, 1.0])
    >>> gap = energy(0.0, y) - energy(0.0, x)
    >>> gradients = [
    ...     gonzalez_gradient(energy, 0.0, x, y), mean_value_gradient(energy, 0.0, x, y, points=1),
    ...     itoh_abe_gradient(energy, 0.0, x, y)]
    >>> [bool(jnp.abs(g @ (y - x) - gap) < 1e-6) for g in gradients], ItohAbe().info.order
    ([True, True, True], 1)

    ```
    """

    symmetrised: bool = eqx.field(default=False, static=True)
    max_steps: int = eqx.field(default=20, static=True)

    def __check_init__(self):
        check_size("max_steps", self.max_steps)

    @property
    def info(self):
        """`StepInfo`: order 1 or 2, keeps the energy."""
        return StepInfo(
            name="ItohAbe(symmetrised)" if self.symmetrised else "ItohAbe",
            order=2 if self.symmetrised else 1,
            needs=_NEEDS,
            keeps=_KEEPS - {NORM},
            symmetric=self.symmetrised,
            invertible=False,
            evaluations=None,
            condition=_CONDITION,
            source="Itoh and Abe, Journal of Computational Physics 76, 1988",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory. Raises `ValueError` for a field without the parts."""
        return check_parts(self, field)

    def advance(self, field, t, x, h, args, memory):
        """Solve for `x'`."""

        def both(energy, time, a, b):
            there = itoh_abe_gradient(energy, time, a, b)
            return (there + itoh_abe_gradient(energy, time, b, a)) / 2

        gradient = both if self.symmetrised else itoh_abe_gradient
        return each_state(
            lambda y, u: _solve(gradient, field, t, y, h, u, self.max_steps), field, x, args
        ), None
