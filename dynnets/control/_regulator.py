"""Linear quadratic regulators: the stabilising solutions of Riccati equations, by doubling."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import check_finite

Square = Float[Array, "d d"]

# A doubling of the step takes the slowest mode of the closed loop from its contraction c to c^2;
# 60 of them bring any c below 1 - 1e-16 to nothing.
_DOUBLINGS = 60


class Regulator(NamedTuple):
    """What `lqr` and `dlqr` return.

    - `gain`: `K (m, d)`, the optimal control is `u = -K x`.
    - `cost`: `P (d, d)`, symmetric: the least cost from `x` on is `x^T P x`.
    - `closed_loop`: `A - B K (d, d)`, stable.
    """

    gain: Float[Array, "m d"]
    cost: Square
    closed_loop: Square


def lqr(a: Array, b: Array, q: Array, r: Array) -> Regulator:
    """The regulator of `x' = A x + B u` with the least `int_0^inf x^T Q x + u^T R u dt`.

    `K = R^{-1} B^T P` with the stabilising solution `P` of the Riccati equation
    `A^T P + P A - P B R^{-1} B^T P + Q = 0`. A Cayley transform makes a discrete equation of it,
    whose solution is that of the structure-preserving doubling algorithm.

    **Arguments:** `a`: `(d, d)`; `b`: `(d, m)`; `q`: `(d, d)`, symmetric, positive semidefinite;
    `r`: `(m, m)`, symmetric, positive definite.

    **Returns** a `Regulator`, differentiable in all arguments, through the doublings, which are a
    scan of fixed length. Cost: 60 times a few products and a solve of size `d`. Raises
    `ValueError` for mismatched shapes, values that are not finite, a `q` or `r` that is not as
    said, and a system that no feedback stabilises, or whose cost does not see an unstable mode;
    in compiled code, where no value is known, the latter gives NaN.
    Source: Chu, Fan, Lin, A structure-preserving doubling algorithm for continuous-time algebraic
    Riccati equations, Linear Algebra and its Applications 396, 2005.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.control import lqr
    >>> a, b = jnp.array([[0.0, 1.0], [0.0, 0.0]]), jnp.array([[0.0], [1.0]])
    >>> gain = lqr(a, b, jnp.eye(2), jnp.eye(1)).gain
    >>> bool(jnp.allclose(gain, jnp.array([[1.0, 3**0.5]])))
    True

    ```
    """
    _check(a, b, q, r)
    unit = jnp.eye(a.shape[0], dtype=a.dtype)
    push = b @ jnp.linalg.solve(r, b.T)
    # larger than every eigenvalue of A, so that A - gamma is regular, and of the loop's own size
    size = jnp.linalg.norm(a) + jnp.sqrt(jnp.linalg.norm(push) * jnp.linalg.norm(q))
    gamma = jax.lax.stop_gradient(jnp.where(size > 0, 1.1 * size, 1))
    shifted = a - gamma * unit
    right = jnp.linalg.solve(shifted.T, q).T  # Q A_gamma^{-1}, Q symmetric
    both = jnp.linalg.inv(shifted.T + right @ push)
    first = unit + 2 * gamma * both.T
    g = 2 * gamma * jnp.linalg.solve(shifted, push @ both)
    h = 2 * gamma * both @ right
    cost, decayed = _doubled(first, _symmetric(g), _symmetric(h))
    gain = jnp.linalg.solve(r, b.T @ cost)
    closed = a - b @ gain
    misfit = a.T @ cost + cost @ a - cost @ push @ cost + q
    return _checked(Regulator(gain, cost, closed), misfit, decayed)


def dlqr(a: Array, b: Array, q: Array, r: Array) -> Regulator:
    """The regulator of `x_{k+1} = A x_k + B u_k` with the least `sum_k x^T Q x + u^T R u`.

    `K = (R + B^T P B)^{-1} B^T P A` with the stabilising solution `P` of the Riccati equation
    `P = A^T P A - A^T P B (R + B^T P B)^{-1} B^T P A + Q`, by the structure-preserving doubling
    algorithm: its `k`-th iterate is the cost of `2^k` steps.

    **Arguments, returned, errors, cost:** as of `lqr`.
    Source: Chu, Fan, Lin, Wang, Structure-preserving algorithms for periodic discrete-time
    algebraic Riccati equations, International Journal of Control 77, 2004.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.control import dlqr
    >>> one = jnp.ones((1, 1))
    >>> round(float(dlqr(one, one, one, one).cost[0, 0]), 4)  # the golden ratio
    1.618

    ```
    """
    _check(a, b, q, r)
    push = b @ jnp.linalg.solve(r, b.T)
    cost, decayed = _doubled(a, _symmetric(push), _symmetric(q))
    weight = r + b.T @ cost @ b
    gain = jnp.linalg.solve(weight, b.T @ cost @ a)
    closed = a - b @ gain
    misfit = a.T @ cost @ closed + q - cost
    return _checked(Regulator(gain, cost, closed), misfit, decayed)


def _symmetric(matrix):
    return (matrix + matrix.T) / 2


def _doubled(a, g, h):
    """The limit of `h` under doublings `(a, g, h)` of the symplectic pencil of the equation, and
    whether `a`, then a power of the closed loop, went to zero: whether that is stable.
    """
    unit = jnp.eye(a.shape[0], dtype=a.dtype)

    def double(carry, _):
        a, g, h = carry
        solved = jnp.linalg.solve(unit + g @ h, jnp.concatenate([a, g], axis=1))
        loop, gain = jnp.split(solved, 2, axis=1)  # (1 + g h)^{-1} a and (1 + g h)^{-1} g
        carry = a @ loop, g + _symmetric(a @ gain @ a.T), h + _symmetric(a.T @ h @ loop)
        return carry, None

    a, _, h = jax.lax.scan(double, (a, g, h), None, length=_DOUBLINGS)[0]
    return h, jnp.abs(a).max() < float(jnp.finfo(a.dtype).eps)


def _checked(found: Regulator, misfit, decayed) -> Regulator:
    """The regulator where it solves its equation, else NaN; `ValueError` where the values tell."""
    size = jnp.abs(found.cost).max()
    exact = float(jnp.finfo(size.dtype).eps) ** 0.5
    solved = jnp.abs(misfit).max() <= exact * jnp.maximum(size * (1 + size), 1)
    solved = solved & decayed
    if not isinstance(solved, jax.core.Tracer) and not bool(solved):
        raise ValueError(
            "no regulator: a mode that does not decay is out of reach of the input, or the cost "
            f"does not see it; the closed loop found is {found.closed_loop.tolist()}"
        )
    return Regulator(*(jnp.where(solved, part, jnp.nan) for part in found))


def _check(a, b, q, r):
    d = a.shape[0]
    if a.shape != (d, d) or b.ndim != 2 or b.shape[0] != d:
        raise ValueError(f"a must be (d, d) and b (d, m), got {a.shape} and {b.shape}")
    m = b.shape[1]
    if q.shape != (d, d) or r.shape != (m, m):
        raise ValueError(f"q must be {(d, d)} and r {(m, m)}, got {q.shape} and {r.shape}")
    for name, matrix in (("a", a), ("b", b), ("q", q), ("r", r)):
        check_finite(name, matrix)
    for name, matrix in (("q", q), ("r", r)):
        if isinstance(matrix, jax.core.Tracer):
            continue
        values = np.asarray(matrix)
        slack = 1e2 * float(np.finfo(values.dtype).eps) * np.abs(values).max()
        if np.abs(values - values.T).max() > slack:
            raise ValueError(f"{name} must be symmetric, got {values.tolist()}")
        least = np.linalg.eigvalsh(values).min()
        if least < -slack or (name == "r" and least <= slack):
            kind = "definite" if name == "r" else "semidefinite"
            raise ValueError(f"{name} must be positive {kind}, its least eigenvalue is {least}")
