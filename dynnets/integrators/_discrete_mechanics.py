"""Discrete mechanics on paths `q_0, ..., q_N`: the action and its Euler-Lagrange equations."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size

from ._variational import discrete_momenta, forced_lagrangian, midpoint_lagrangian, solve_momentum

Path = Float[Array, "nodes n"]


def discrete_lagrangian(lagrangian: Callable, h, rule: Callable = midpoint_lagrangian) -> Callable:
    """`Ld(q0, q1) = h l(t, q0, q1, (q1 - q0) / h)`, which approximates the action over `h`.

    **Arguments:** `lagrangian`: `L(t, q, v)`; `rule`: `midpoint_lagrangian`,
    `trapezoidal_lagrangian`, `gauss_lagrangian` or one of your own.

    **Returns** `Ld(q0, q1, t=0.0)`, `q0, q1: (n,)`. Its derivatives lose the digits of `1 / h`:
    the steps and equations of this library take the rule itself instead.
    Source: Marsden, West, Discrete mechanics and variational integrators, Acta Numerica 10, 2001.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.integrators import (
    ...     discrete_action, discrete_euler_lagrange_step, discrete_lagrangian,
    ...     trapezoidal_lagrangian)
    >>> lagrangian = lambda t, q, v: jnp.sum(v**2) / 2  # a free particle
    >>> path = jnp.array([[0.0], [1.0], [2.0]])
    >>> value = discrete_lagrangian(lagrangian, 1.0, trapezoidal_lagrangian)
    >>> float(value(path[0], path[1])), float(discrete_action(lagrangian, path, 1.0))
    (0.5, 1.0)
    >>> discrete_euler_lagrange_step(lagrangian, path[0], path[1], 1.0).tolist()
    [2.0]

    ```
    """

    def value(q0, q1, t=0.0):
        t, step = jnp.asarray(t, q0.dtype), jnp.asarray(h, q0.dtype)
        return step * rule(lagrangian, t, q0, q1, (q1 - q0) / step, step)

    return value


def discrete_action(
    lagrangian: Callable, path: Path, h, *, t0=0.0, rule: Callable = midpoint_lagrangian
) -> Array:
    """`sum_k Ld(q_k, q_{k+1})`: the action of a path `(N + 1, n)` with steps of `h` from `t0`.

    Motions make it stationary at fixed ends; not least, once they pass a conjugate point. Raises
    `ValueError` for a path of fewer than two nodes.
    """
    ts = _times(path, h, t0)
    one = discrete_lagrangian(lagrangian, h, rule)
    return jnp.sum(jax.vmap(one)(path[:-1], path[1:], ts))


def path_momenta(
    lagrangian: Callable,
    path: Path,
    h,
    *,
    t0=0.0,
    rule: Callable = midpoint_lagrangian,
    force: Callable | None = None,
    args=None,
) -> tuple[Array, Array]:
    """The momenta at both ends of every step of a path `(N + 1, n)`, each `(N, n)`.

    `p0_k = -D1 Ld(q_k, q_{k+1})` and `p1_k = D2 Ld(q_k, q_{k+1})`, with the discrete forces of a
    `force` `Q(t, q, v, args)`. Motions are the paths along which they match, `p1_{k-1} = p0_k`.
    """
    ts = _times(path, h, t0)
    lagrangian, step = forced_lagrangian(lagrangian, force, args), jnp.asarray(h, path.dtype)

    def momenta(t, q0, q1):
        return discrete_momenta(rule, lagrangian, t, q0, q1, (q1 - q0) / step, step)

    return jax.vmap(momenta)(ts, path[:-1], path[1:])


def discrete_euler_lagrange(lagrangian: Callable, path: Path, h, **options) -> Array:
    """`D2 Ld(q_{k-1}, q_k) + D1 Ld(q_k, q_{k+1})` at the inner nodes, `(N - 1, n)`.

    Zero on motions, forces included. Row `k` reads three nodes: the Jacobian is block
    tridiagonal. `options`: as `path_momenta`. Raises `ValueError` for a path without inner node.
    """
    check_size("the number of nodes", path.shape[0], 3)
    before, after = path_momenta(lagrangian, path, h, **options)
    return after[:-1] - before[1:]


def discrete_euler_lagrange_step(
    lagrangian: Callable,
    q_before: Float[Array, " n"],
    q: Float[Array, " n"],
    h,
    *,
    t=0.0,
    rule: Callable = midpoint_lagrangian,
    force: Callable | None = None,
    args=None,
    max_steps: int = 20,
) -> Array:
    """The node after `q_before`, `q`: `q_next` with `D2 Ld(q_before, q) + D1 Ld(q, q_next) = 0`.

    A two-step method; `VariationalStep` is the same on states `(q, p)`, and keeps more digits over
    many small steps. **Arguments:** `t`: the time of `q`; the others as `path_momenta`.
    NaN where Newton's method does not converge in `max_steps`. Cost: about 3 Hessians of the rule.
    """
    check_size("max_steps", max_steps)
    pushed = forced_lagrangian(lagrangian, force, args)
    t, h = jnp.asarray(t, q.dtype), jnp.asarray(h, q.dtype)
    v = (q - q_before) / h
    momentum = discrete_momenta(rule, pushed, t - h, q_before, q, v, h)[1]
    return q + h * solve_momentum(rule, pushed, t, q, momentum, h, v, max_steps)[0]


def _times(path, h, t0):
    """The times at which the steps of a path begin, `(N,)`."""
    check_size("the number of nodes", path.shape[0], 2)
    return t0 + jnp.arange(path.shape[0] - 1, dtype=path.dtype) * h
