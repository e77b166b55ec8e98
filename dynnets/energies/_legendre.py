"""The Legendre transform between Lagrangians and energies, both ways."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    check_finite,
    check_size,
    join_phase,
    split_phase,
    stationary_point,
    stationary_value,
    update_scale,
)

from ._abstract import AbstractEnergy


class _Conjugate(eqx.Module):
    """`f*(t, q, y) = y . w - f(t, q, w)` at the root `w` of `f_w(t, q, w) = y`."""

    function: Callable
    guess: Callable | None
    max_steps: int = eqx.field(static=True)

    def _problem(self, t, q, y):
        """What `stationary_point` takes; the value is `-f*`."""
        guess = jnp.zeros_like(y) if self.guess is None else self.guess(t, q, y)
        arguments = (jnp.asarray(t, y.dtype), q, y)

        def least(arguments, w):
            t, q, y = arguments
            return self.function(t, q, w) - jnp.sum(y * w)

        if not self.max_steps:  # quadratic: the size of the root does not matter
            return least, arguments, guess, jnp.ones((), y.dtype), 0
        slope = jax.grad(self.function, argnums=2)
        fixed = jax.lax.stop_gradient((arguments[0], q, guess))
        scale = update_scale(jax.jacfwd(slope, argnums=2)(*fixed), guess, slope(*fixed), y)
        return least, arguments, guess, scale, self.max_steps

    def point(self, t, q, y):
        """`w = f*_y`."""
        return stationary_point(*self._problem(t, q, y))

    def __call__(self, t, q, y):
        """`f*(t, q, y)`."""
        return -stationary_value(*self._problem(t, q, y))


def _conjugate(function, guess, quadratic, max_steps):
    check_size("max_steps", max_steps)
    return _Conjugate(function, guess, 0 if quadratic else max_steps)


class LegendreEnergy(AbstractEnergy):
    """`H(t, (q, p)) = p . v - L(t, q, v)` with `v` the root of `p = L_v(t, q, v)`.

    Made by `legendre`, which says more. `velocity(t, q, p)` is `v = H_p`.
    """

    conjugate: _Conjugate
    reads_time: bool = eqx.field(static=True)

    @property
    def autonomous(self):
        """Whether the Lagrangian was declared not to read the time."""
        return not self.reads_time

    @property
    def lagrangian(self) -> Callable:
        """`L(t, q, v)`."""
        return self.conjugate.function

    def velocity(self, t, q: Float[Array, " n"], p: Float[Array, " n"]) -> Array:
        """The `v` with `L_v(t, q, v) = p`, `(n,)`; `ValueError` or NaN as `legendre` says."""
        v = self.conjugate.point(t, q, p)
        check_finite("the velocity of L_v(q, v) = p, unless L_vv is regular,", v)
        return v

    def __call__(self, t, x):
        """`H(t, x)` for `x: (2n,)`, or `(2n, N)`."""
        if x.ndim == 2:
            return jax.vmap(self, in_axes=(0 if jnp.ndim(t) else None, -1))(t, x)
        value = self.conjugate(t, *split_phase(x))
        check_finite("the energy of the Lagrangian, unless L_vv is regular,", value)
        return value

    def gradient(self, t, x):
        """`(-L_q(t, q, v), v)`: one solve, by the envelope theorem."""
        if x.ndim == 2:
            t_axis = 0 if jnp.ndim(t) else None
            return jax.vmap(self.gradient, in_axes=(t_axis, -1), out_axes=-1)(t, x)
        q, p = split_phase(x)
        v = self.velocity(t, q, p)
        return join_phase(-jax.grad(self.lagrangian, argnums=1)(t, q, v), v)


def legendre(
    lagrangian: Callable,
    *,
    quadratic: bool = False,
    guess: Callable | None = None,
    reads_time: bool = False,
    max_steps: int = 50,
) -> LegendreEnergy:
    """The energy of a Lagrangian: `H(q, p) = p . v - L(q, v)`, where `p = L_v(q, v)`.

    Only for a kinetic energy that is quadratic and homogeneous in `v` is that `T + V` where
    `L = T - V`. Derivatives follow the envelope theorem, `H_p = v`, `H_q = -L_q`, `H_t = -L_t`, and
    likewise for parameters of `L`; second ones hold too (`H_pp = L_vv^{-1}`). Nothing is
    differentiated through the solve.

    **Arguments:**

    - `lagrangian`: `L(t, q, v)`, a scalar, `q, v: (n,)`; a module with parameters, or a function.
    - `quadratic`: the promise that `L_vv` is positive and does not depend on `v`: then one
      Cholesky solve. Else Newton's method, damped.
    - `guess`: `v(t, q, p)` to start from, by default zero. Where `L` is not convex in `v` the
      transform has several branches: the one near the guess is taken. Where `L_vv` is singular at
      zero (`L = v^4 / 4`) a guess is needed.
    - `reads_time`: whether `L` depends on `t`; `max_steps`: the largest number of Newton's
      iterations.

    **Returns** an `AbstractEnergy` on `x = (q, p)`, ready for `HamiltonianField`; see
    `inverse_legendre` for the way back. A singular `L_vv` (a coordinate without mass) or a solve
    that does not converge is a `ValueError`; NaN in compiled code, where no value is known.
    Cost: 3 to 5 Hessians in `v` of `L` and solves of size `n`.
    Source: Arnold, Mathematical Methods of Classical Mechanics, 1989, 14.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import LegendreLagrangian, inverse_legendre, legendre
    >>> energy = legendre(lambda t, q, v: v[0] ** 2 - q[0] ** 2, quadratic=True)
    >>> float(energy(0.0, jnp.array([2.0, 3.0])))  # p^2 / 4 + q^2
    6.25
    >>> lagrangian = inverse_legendre(energy, quadratic=True)
    >>> isinstance(lagrangian, LegendreLagrangian)
    True

    ```
    """
    return LegendreEnergy(_conjugate(lagrangian, guess, quadratic, max_steps), reads_time)


class _OfMomenta(eqx.Module):
    """An energy as a function `H(t, q, p)` of two halves."""

    energy: Callable

    def __call__(self, t, q, p):
        return self.energy(t, join_phase(q, p))


class LegendreLagrangian(eqx.Module):
    """`L(t, q, v) = p . v - H(t, (q, p))` with `p` the root of `v = H_p`.

    Made by `inverse_legendre`, which says more. `momentum(t, q, v)` is `p = L_v`.
    """

    conjugate: _Conjugate

    def momentum(self, t, q: Float[Array, " n"], v: Float[Array, " n"]) -> Array:
        """The `p` with `H_p(t, q, p) = v`, `(n,)`."""
        p = self.conjugate.point(t, q, v)
        check_finite("the momentum of H_p(q, p) = v, unless H_pp is regular,", p)
        return p

    def __call__(self, t, q, v):
        """`L(t, q, v)`."""
        value = self.conjugate(t, q, v)
        check_finite("the Lagrangian of the energy, unless H_pp is regular,", value)
        return value


def inverse_legendre(
    energy: Callable,
    *,
    quadratic: bool = False,
    guess: Callable | None = None,
    max_steps: int = 50,
) -> LegendreLagrangian:
    """The Lagrangian of an energy: `L(q, v) = p . v - H(q, p)`, where `v = H_p(q, p)`.

    The same transform as `legendre` in the other direction, and its inverse where `H` is convex in
    `p`; derivatives, failures and arguments alike.

    **Arguments:** `energy`: `H(t, x)` on `x = (q, p)`, an `AbstractEnergy` or a function;
    `quadratic`: the promise that `H_pp` is positive and does not depend on `p`; `guess`:
    `p(t, q, v)` to start from, by default zero; `max_steps`: the largest number of Newton's
    iterations.

    **Returns** `L(t, q, v)`, which `CanonicalLagrangianField`, `euler_lagrange` and the variational
    integrators take.
    """
    return LegendreLagrangian(_conjugate(_OfMomenta(energy), guess, quadratic, max_steps))
