"""Variational integrators: steps that come from a discrete Lagrangian, hence symplectic.

A discrete Lagrangian `Ld(q0, q1)` approximates the action over one step. Its map in
position-momentum form, `p0 = -D1 Ld(q0, q1)`, `p1 = D2 Ld(q0, q1)`, is symplectic whatever `Ld`
is, and keeps the momentum of every symmetry of `Ld`. Rules here give the mean Lagrangian
`l(q0, q1, v) = Ld / h` with the mean velocity `v = (q1 - q0) / h` as an argument of its own:
`p0 = l_v - h l_q0` and `p1 = l_v + h l_q1`, free of the cancellation in `Ld`.

A force `Q(t, q, v, args)` enters as a function whose derivative is the work form `Q . dq`: the
rule then turns it into the discrete forces of Lagrange and d'Alembert by itself.

```python
>>> from dynnets.integrators import (
...     GaussLagrangian, VariationalStep, gauss_lagrangian, variational_trapezoid)
>>> variational_trapezoid.info.order, VariationalStep(GaussLagrangian()).info.order
(2, 4)
>>> isinstance(gauss_lagrangian, GaussLagrangian)
True

```
"""

import types
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynnets._core import (
    MOMENTUM,
    SYMPLECTIC,
    VOLUME,
    check_size,
    join_phase,
    newton,
    solve_regular,
    split_phase,
    stationary_value,
    update_scale,
)

from ._implicit import SOLVED, each_state
from ._step import AbstractStep, StepInfo, check_parts, part_of


def midpoint_lagrangian(lagrangian: Callable, t, q0, q1, v, h) -> Array:
    """`L(t + h/2, (q0 + q1) / 2, v)`: the midpoint rule, order 2, symmetric."""
    return lagrangian(t + 0.5 * h, (q0 + q1) / 2, v)


def trapezoidal_lagrangian(lagrangian: Callable, t, q0, q1, v, h) -> Array:
    """`(L(t, q0, v) + L(t + h, q1, v)) / 2`: for `v M v / 2 - V(q)` it is Stormer-Verlet."""
    return (lagrangian(t, q0, v) + lagrangian(t + h, q1, v)) / 2


class GaussLagrangian(eqx.Module):
    """Two Gauss points on the parabola through `q0`, `q1` that makes the action stationary.

    `q(s) = (1 - s) q0 + s q1 + s (1 - s) h w` with velocity `v + (1 - 2 s) w`; the bend `w` is an
    internal stage. Order 4, symmetric: the Gauss method of order 4. Called as the other rules it
    solves for the bend by Newton's method; a step finds bend and velocity together, by `staged`.
    """

    def staged(self, lagrangian: Callable, t, q0, q1, v, h, w) -> Array:
        """The mean Lagrangian at a given bend `w`."""
        shift = 3**-0.5 / 2
        values = [
            lagrangian(t + s * h, (1 - s) * q0 + s * q1 + s * (1 - s) * h * w, v + (1 - 2 * s) * w)
            for s in (0.5 - shift, 0.5 + shift)
        ]
        return (values[0] + values[1]) / 2

    def __call__(self, lagrangian: Callable, t, q0, q1, v, h) -> Array:
        """The mean Lagrangian at the bend that makes it stationary."""

        def mean(ends, w):
            t, q0, q1, v, h = ends
            return self.staged(lagrangian, t, q0, q1, v, h, w)

        ends = (t, q0, q1, v, h)
        straight, fixed = jnp.zeros_like(v), jax.lax.stop_gradient(ends)
        slope = jax.grad(mean, argnums=1)
        curvature = jax.jacfwd(slope, argnums=1)(fixed, straight)
        size = update_scale(curvature, fixed[3], slope(fixed, straight))
        return stationary_value(mean, ends, straight, size, 20)


gauss_lagrangian = GaussLagrangian()
"""The rule of `variational_gauss`."""


@eqx.filter_custom_jvp
def _work(force, t, q, v):
    """Zero, but its derivative is `Q(t, q, v) . dq`."""
    return jnp.zeros((), q.dtype)


@_work.def_jvp
def _work_form(primals, tangents):
    force, t, q, v = primals
    moved = tangents[2]
    value = jnp.zeros((), q.dtype)
    return value, value if moved is None else jnp.sum(force(t, q, v) * moved)


def forced_lagrangian(lagrangian: Callable, force: Callable | None, args=None) -> Callable:
    """`L(t, q, v)` whose derivative in `q` is `L_q + Q(t, q, v, args)`, for the rules above.

    Its value is that of `L`: only derivatives (momenta, equations) make sense with a force.

    ```python
    >>> import jax, jax.numpy as jnp
    >>> from dynnets.integrators import forced_lagrangian
    >>> free, push = (lambda t, q, v: jnp.sum(v**2) / 2), (lambda t, q, v, args: -0.1 * v)
    >>> forced = forced_lagrangian(free, push)
    >>> float(jax.grad(forced, argnums=1)(0.0, jnp.zeros(1), jnp.array([2.0]))[0])
    -0.2...

    ```
    """
    if force is None:
        return lagrangian

    given = force  # not None from here on

    def forced(t, q, v):
        t = jnp.asarray(t, q.dtype)
        form = eqx.filter_closure_convert(lambda t, q, v: given(t, q, v, args), t, q, v)
        return lagrangian(t, q, v) + _work(form, t, q, v)

    return forced


def discrete_momenta(
    rule: Callable, lagrangian: Callable, t, q0: Array, q1: Array, v: Array, h
) -> tuple[Array, Array]:
    """The discrete Legendre transforms `p0 = l_v - h l_q0`, `p1 = l_v + h l_q1`, each `(n,)`.

    **Arguments:** `rule`: `l(lagrangian, t, q0, q1, v, h)`; `v`: the mean velocity, which is
    `(q1 - q0) / h`, given apart where it is known to more digits.
    """

    def mean(q0, q1, v):
        return rule(lagrangian, t, q0, q1, v, h)

    before, after, momentum = jax.grad(mean, argnums=(0, 1, 2))(q0, q1, v)
    return momentum - h * before, momentum + h * after


def solve_momentum(
    rule: Callable, lagrangian: Callable, t, q: Array, p: Array, h, guess: Array, max_steps: int
) -> tuple[Array, Array]:
    """The mean velocity `v` with `p0(q, q + h v) = p` near `guess`, and `p1`; NaN without
    convergence. A rule with an internal stage (`staged`) is solved for both at once.
    """
    staged = rule.staged if isinstance(rule, GaussLagrangian) else None

    def rule_at(bend):
        if staged is None:
            return rule
        return lambda lagrangian, t, q0, q1, v, h: staged(lagrangian, t, q0, q1, v, h, bend)

    def momenta(v, bend):
        return discrete_momenta(rule_at(bend), lagrangian, t, q, q + h * v, v, h)

    def residual(unknown):
        v, bend = unknown[0], unknown[-1]
        rows = [momenta(v, bend)[0] - p]
        if staged is not None:
            rows.append(jax.grad(lambda w: staged(lagrangian, t, q, q + h * v, v, h, w))(bend))
        return jnp.stack(rows)

    first = jnp.stack([guess] if staged is None else [guess, jnp.zeros_like(guess)])
    size = jnp.maximum(jnp.abs(guess).max(), jnp.abs(p).max())
    found = newton(residual, first, size, max_steps)
    return found[0], momenta(found[0], found[-1])[1]


_KNOWN = {midpoint_lagrangian: 2, trapezoidal_lagrangian: 2, gauss_lagrangian: 4}
"""The orders of the library's rules; all are symmetric."""


class VariationalStep(AbstractStep):
    """The step of a discrete Lagrangian on states `(q, p)`, solved to round-off.

    `p0 = l_v - h l_q0` is solved for `v` with `q1 = q0 + h v`, then `p1 = l_v + h l_q1`.

    Preserves: the symplectic form for every `h` and every rule; total momentum where the
    Lagrangian is invariant under translations. The field offers `lagrangian(t, q, v)`; the
    Hamiltonian is never needed. A field with a `force` (see `CanonicalLagrangianField`) is taken by
    the discrete principle of Lagrange and d'Alembert, to the same order; nothing is kept then.

    **Arguments:** `rule`: `l(lagrangian, t, q0, q1, v, h)` such as `midpoint_lagrangian`, a
    function of the library or of your own; `order`, `symmetric`: of the rule, known of the
    library's and, unless you say otherwise, 1 and `False` of your own (a rule that takes `q` at
    one end is neither of order 2 nor symmetric); `max_steps`: of Newton. No convergence, or a
    Lagrangian without mass (`L_vv` singular), gives NaN; the latter is a `ValueError` where the
    state is known, as at the begin of a rollout. Raises `ValueError` for fields without
    `lagrangian` and a `rule` that is not callable. Cost: about 3 Hessians of the rule, a solve of
    size `n` each. Source: Marsden, West, Discrete mechanics and variational integrators, Acta
    Numerica 10, 2001.
    """

    rule: Callable
    order: int = eqx.field(static=True)
    symmetric: bool = eqx.field(static=True)
    max_steps: int = eqx.field(static=True)

    def __init__(
        self,
        rule=midpoint_lagrangian,
        *,
        order: int | None = None,
        symmetric: bool | None = None,
        max_steps: int = 20,
    ):
        if not callable(rule):
            raise ValueError(
                f"rule must be a function l(lagrangian, t, q0, q1, v, h), got {rule!r}"
            )
        known = _KNOWN.get(rule) if isinstance(rule, types.FunctionType | GaussLagrangian) else None
        order = (1 if known is None else known) if order is None else order
        symmetric = known is not None if symmetric is None else symmetric
        check_size("order", order)
        check_size("max_steps", max_steps)
        self.rule, self.order, self.symmetric = rule, order, symmetric
        self.max_steps = max_steps

    @property
    def info(self):
        """`StepInfo`: the order of the rule, needs `lagrangian`, symplectic."""
        plain = isinstance(self.rule, types.FunctionType)
        name = self.rule.__name__ if plain else type(self.rule).__name__
        return StepInfo(
            name=f"VariationalStep({name})",
            order=self.order,
            needs=frozenset({"lagrangian"}),
            keeps=frozenset({SYMPLECTIC, VOLUME, MOMENTUM}),
            symmetric=self.symmetric,
            invertible=False,
            evaluations=None,
            condition=SOLVED,
            source="Marsden, West, Acta Numerica 10, 2001",
        )

    def start(self, field, t, x, h, args=None):
        """Zero, NaN where the Lagrangian has no mass: the discrete equations may be solvable there,
        but follow no motion. Raises `ValueError` for that where the state is known, as at the begin
        of a rollout, and for a field without `lagrangian`.
        """
        check_parts(self, field)

        def known(y, u):
            v = split_phase(field(t, y, u))[0]
            time, q = jnp.asarray(t, y.dtype), split_phase(y)[0]
            mass = jax.hessian(field.lagrangian, argnums=2)(time, q, v)
            still = solve_regular("the mass matrix L_vv of the Lagrangian", mass, jnp.zeros_like(v))
            return still[0]

        return jax.lax.stop_gradient(each_state(known, field, x, args))

    def advance(self, field, t, x, h, args, memory):
        """Solve for the mean velocity from the rate of the field."""
        ahead = each_state(lambda y, u: self._one(field, t, y, h, u), field, x, args)
        return ahead + jnp.broadcast_to(memory, ahead.shape), memory

    def _one(self, field, t, x, h, args):
        lagrangian = forced_lagrangian(field.lagrangian, part_of(field, "force"), args)
        t, h = jnp.asarray(t, x.dtype), jnp.asarray(h, x.dtype)
        q, p = split_phase(x)
        guess = split_phase(field(t, x, args))[0]
        v, momentum = solve_momentum(self.rule, lagrangian, t, q, p, h, guess, self.max_steps)
        return join_phase(q + h * v, momentum)


variational_midpoint = VariationalStep(midpoint_lagrangian)
"""The midpoint discrete Lagrangian: the implicit midpoint rule where `L = v M v / 2 - V(q)`."""

variational_trapezoid = VariationalStep(trapezoidal_lagrangian)
"""The trapezoidal discrete Lagrangian: Stormer-Verlet where `L = v M v / 2 - V(q)`."""

variational_gauss = VariationalStep(gauss_lagrangian)
"""Two Gauss points on a parabola: the Gauss method of order 4 where `L = v M v / 2 - V(q)`."""
