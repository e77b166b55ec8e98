"""Lagrangian mechanics: the Euler-Lagrange equations as fields of velocities or momenta."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    ENERGY,
    SYMPLECTIC,
    VOLUME,
    check_finite,
    join_phase,
    solve_regular,
    split_phase,
)
from dynnets.energies import AbstractEnergy, LegendreEnergy, legendre

from ._abstract import AbstractField


def euler_lagrange(lagrangian: Callable, force: Callable | None = None) -> Callable:
    """The acceleration that `d/dt L_v = L_q + Q` prescribes.

    `a = L_vv^{-1} (L_q - L_vq v - L_vt + Q)`; the change of `L_v` at fixed `v` is one directional
    derivative along `(1, v)`, and no third-order tensor is formed.

    **Arguments:** `lagrangian`: `L(t, q, v)`, a scalar; `force`: `Q(t, q, v, args)`, the
    generalised force `(n,)` that no potential gives (friction, control), or `None`.

    **Returns** `acceleration(t, q, v, args=None)` for `q, v: (n,)`. Cost: one linearisation of
    `L_v`, `n + 1` products with it, one solve of size `n` by LU (`L_vv` may be indefinite, as it
    is in an untrained net). An `L_vv` that is singular to rounding, a coordinate without mass, is a
    `ValueError`; in compiled code, where no value is known, the acceleration is NaN.
    Source: Cranmer et al., Lagrangian Neural Networks, 2020, arXiv:2003.04630 (there by a
    pseudo-inverse).

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.fields import euler_lagrange
    >>> acceleration = euler_lagrange(lambda t, q, v: v[0] ** 2 / 2 + 9.8 * jnp.cos(q[0]))
    >>> bool(jnp.allclose(acceleration(0.0, jnp.ones(1), jnp.zeros(1)), -9.8 * jnp.sin(1.0)))
    True

    ```
    """

    def acceleration(t, q, v, args=None):
        t = jnp.asarray(t, v.dtype)
        _, change = jax.linearize(jax.grad(lagrangian, argnums=2), t, q, v)
        still = jnp.zeros_like(v)
        columns = jnp.eye(v.shape[0], dtype=v.dtype)
        mass = jax.vmap(lambda column: change(jnp.zeros_like(t), still, column))(columns)
        push = jax.grad(lagrangian, argnums=1)(t, q, v) - change(jnp.ones_like(t), v, still)
        if force is not None:
            push = push + force(t, q, v, args)
        result = solve_regular("the mass matrix L_vv of the Lagrangian", mass, push)
        check_finite("the acceleration", result)
        return result

    return acceleration


class LagrangianEnergy(AbstractEnergy):
    """`E(t, (q, v)) = L_v . v - L`, the energy on states of coordinates and velocities.

    **Arguments:** `function`: `L(t, q, v)`; `reads_time`: whether it depends on `t`.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.fields import LagrangianEnergy
    >>> energy = LagrangianEnergy(lambda t, q, v: jnp.sum(v**2) / 2 - jnp.sum(q**2))
    >>> float(energy(0.0, jnp.array([1.0, 2.0])))  # v^2 / 2 + q^2
    3.0

    ```
    """

    function: Callable
    reads_time: bool = eqx.field(default=False, static=True)

    @property
    def autonomous(self):
        """Whether the Lagrangian was declared not to read the time."""
        return not self.reads_time

    def __call__(self, t, x):
        """`L_v . v - L`, for `x: (2n,)`, or `(2n, N)`."""
        if x.ndim == 2:
            return jax.vmap(self, in_axes=(0 if jnp.ndim(t) else None, -1))(t, x)
        q, v = split_phase(x)
        value, slope = jax.jvp(lambda u: self.function(t, q, u), (v,), (v,))
        return slope - value


class LagrangianField(AbstractField):
    """`q' = v`, `v' = a(t, q, v)` by `euler_lagrange`, on states `(q, v)` of velocities.

    What a record of coordinates and velocities needs; the state of steps that are symplectic is
    `(q, p)`, see `CanonicalLagrangianField`. The exact flow keeps `L_v . v - L` where no force acts
    and `L` does not read the time; with a force it changes at the rate `Q . v`.

    **Arguments:** `function`: `L(t, q, v)`; `force`: `Q(t, q, v, args)` or `None`; `reads_time`:
    whether `L` depends on `t`. Cost and failures: as `euler_lagrange`.
    """

    function: Callable
    force: Callable | None = None
    reads_time: bool = eqx.field(default=False, static=True)

    @property
    def structure(self):
        """`{ENERGY}`, or nothing with a force or a Lagrangian that reads the time."""
        return frozenset({ENERGY} if self.force is None and not self.reads_time else ())

    @property
    def energy(self) -> LagrangianEnergy:
        """`L_v . v - L`."""
        return LagrangianEnergy(self.function, self.reads_time)

    def __call__(self, t, x, args=None):
        """`(v, a)`."""
        q, v = split_phase(x)
        return join_phase(v, euler_lagrange(self.function, self.force)(t, q, v, args))


class CanonicalLagrangianField(AbstractField):
    """`q' = v`, `p' = L_q(t, q, v) + Q(t, q, v)` with `p = L_v(t, q, v)`, on states `(q, p)`.

    Hamilton's equations of `legendre(L)`, with a force on top. Offers `energy`, and `lagrangian`
    and `force`, so that variational integrators apply. Without a force the exact flow is
    symplectic and keeps volume and, where `L` does not read the time, the energy.

    **Arguments:** `lagrangian`: `L(t, q, v)`; `force`: `Q(t, q, v, args)` or `None`; `options`: of
    `legendre`. Cost: one Legendre transform and one gradient of `L`. Failures: as `legendre`.
    """

    energy: LegendreEnergy
    force: Callable | None

    def __init__(self, lagrangian: Callable, force: Callable | None = None, **options):
        self.energy = legendre(lagrangian, **options)
        self.force = force

    @property
    def lagrangian(self) -> Callable:
        """`L(t, q, v)`."""
        return self.energy.lagrangian

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, ENERGY}`, nothing with a force; no ENERGY if `L` reads the time."""
        if self.force is not None:
            return frozenset()
        return frozenset({SYMPLECTIC, VOLUME} | ({ENERGY} if self.energy.autonomous else set()))

    def __call__(self, t, x, args=None):
        """`(v, L_q + Q)`."""
        q, p = split_phase(x)
        v = self.energy.velocity(t, q, p)
        push = jax.grad(self.lagrangian, argnums=1)(t, q, v)
        if self.force is not None:
            push = push + self.force(t, q, v, args)
        return join_phase(v, push)


def noether(lagrangian: Callable, generator: Callable) -> Callable:
    """The quantity `I(t, q, v) = L_v(t, q, v) . xi(q)` of the symmetry generated by `xi`.

    Constant along motions without force where `L` does not change along `q' = xi(q)` (to first
    order): momenta from translations, angular momenta from rotations. **Arguments:** `lagrangian`:
    `L(t, q, v)`; `generator`: `xi(q)`, of the shape of `q`. Source: Noether, Invariante
    Variationsprobleme, 1918.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.fields import noether
    >>> lagrangian = lambda t, q, v: jnp.sum(v**2) / 2 - jnp.sum(q**2)  # turns do not change it
    >>> angular = noether(lagrangian, lambda q: jnp.array([-q[1], q[0]]))
    >>> float(angular(0.0, jnp.array([1.0, 0.0]), jnp.array([0.0, 2.0])))
    2.0

    ```
    """

    def quantity(t, q, v):
        return jax.jvp(lambda u: lagrangian(t, q, u), (v,), (generator(q),))[1]

    return quantity


def poisson_bracket(first: Callable, second: Callable) -> Callable:
    """`{f, g}(t, x) = f_q . g_p - f_p . g_q`: the rate of `f` along the flow of the energy `g`.

    **Arguments:** `first`, `second`: scalars `f(t, x)`, `g(t, x)` of a canonical state `(2n,)`.
    Cost: one gradient and one directional derivative.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.fields import poisson_bracket
    >>> q, p = (lambda t, x: x[0]), (lambda t, x: x[1])
    >>> float(poisson_bracket(q, p)(0.0, jnp.array([0.3, 0.4])))
    1.0

    ```
    """

    def bracket(t, x: Float[Array, " two_n"]):
        from_q, from_p = split_phase(jax.grad(second, argnums=1)(t, x))
        return jax.jvp(lambda y: first(t, y), (x,), (join_phase(from_p, -from_q),))[1]

    return bracket
