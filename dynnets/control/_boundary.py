"""The two-point boundary value problem of mechanics: motions between given places."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_size, newton
from dynnets.integrators import Rollout, discrete_euler_lagrange, midpoint_lagrangian, path_momenta
from dynnets.linear import BlockTridiagonal


def stationary_path(
    lagrangian: Callable,
    start: Float[Array, " n"],
    end: Array,
    ts: tuple,
    *,
    rule: Callable = midpoint_lagrangian,
    force: Callable | None = None,
    args=None,
    guess: Array | None = None,
    max_steps: int = 50,
) -> Rollout:
    """The motion from `start` to `end` in a given time: a path with stationary discrete action.

    Solves `D2 Ld(q_{k-1}, q_k) + D1 Ld(q_k, q_{k+1}) = 0` at the inner nodes by Newton's method,
    each update a block tridiagonal solve. Equations are solved and nothing is minimised: past a
    conjugate point (for an oscillator after half a period) the motion is a saddle of the action,
    and descent would leave it.

    **Arguments:**

    - `lagrangian`: `L(t, q, v)`; `start`, `end`: coordinates `(n,)`.
    - `ts`: a pair `(h, n)` for the times `0, h, ..., n h`, `n` at least 2.
    - `rule`: the quadrature of the discrete Lagrangian, which sets the order; `force`:
      `Q(t, q, v, args)`.
    - `guess`: a path `(n + 1, dim)`, by default the straight line. Boundary problems may have
      several solutions, or none: the guess chooses, and a path that is not found is NaN.
    - `max_steps`: the largest number of Newton's iterations.

    **Returns** a `Rollout` of states `(q, p)`. Differentiable in everything, by the implicit
    function theorem. Cost of an update: `3 dim` directional derivatives of the equations and
    `O(n dim^3)`. Raises `ValueError` for mismatched shapes.
    Source: Marsden, West, Discrete mechanics and variational integrators, Acta Numerica 10, 2001.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.control import stationary_path
    >>> throw = stationary_path(
    ...     lambda t, q, v: jnp.sum(v**2) / 2 - 9.8 * q[1],
    ...     jnp.array([0.0, 0.0]), jnp.array([1.0, 0.0]), (0.1, 10),
    ... )
    >>> round(float(throw.xs[5, 1]), 3)  # the top of the parabola: 9.8 / 8
    1.225

    ```
    """
    h, n = ts
    check_size("n", n, 2)
    if start.shape != end.shape:
        raise ValueError(f"start and end must agree, got shapes {start.shape} and {end.shape}")
    if guess is None:
        share = jnp.linspace(0.0, 1.0, n + 1, dtype=start.dtype)[:, None]
        guess = (1 - share) * start[None] + share * end[None]
    if guess.shape != (n + 1, *start.shape):
        raise ValueError(f"guess must have shape {(n + 1, *start.shape)}, got {guess.shape}")
    options = {"rule": rule, "force": force, "args": args}

    def joined(inner):
        return jnp.concatenate([start[None], inner, end[None]])

    def residual(inner):
        return discrete_euler_lagrange(lagrangian, joined(inner), h, **options)

    size = jnp.abs(jax.lax.stop_gradient(guess)).max()
    path = joined(newton(residual, guess[1:-1], size, max_steps, BlockTridiagonal()))
    before, after = path_momenta(lagrangian, path, h, **options)
    momenta = jnp.concatenate([before, after[-1:]])
    times = jnp.arange(n + 1, dtype=start.dtype) * h
    return Rollout(times, jnp.concatenate([path, momenta], axis=1))
