"""Trajectories by a bare scan: the fast path for fixed steps, training and export."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_finite, check_increasing, check_size, grid_times
from dynnets.fields import AbstractField

from ._halves import field_for
from ._repeat import repeat
from ._reversible import Reversible, rebuilt_drift, reversible_states
from ._step import AbstractStep
from ._sweep import check_invertible


class Rollout(eqx.Module):
    """A trajectory: `ts (n + 1,)` and `xs (n + 1, *x0.shape)`, the initial state included.

    `drift`: with `Reversible(monitor=True)`, by how much the way back misses the saved states.
    """

    ts: Float[Array, " times"]
    xs: Float[Array, " times *state"]
    drift: Float[Array, ""] | None = None

    @property
    def finite_steps(self):
        """How many steps went well: `n` unless a value ceased to be finite on the way."""
        finite = jnp.isfinite(self.xs).reshape(self.xs.shape[0], -1).all(axis=1)
        return jnp.sum(jnp.cumprod(finite[1:]))


def rollout(
    step: AbstractStep | Callable,
    field: AbstractField | Callable,
    x0,
    ts,
    args=None,
    *,
    substeps: int = 1,
    adjoint: Reversible | None = None,
) -> Rollout:
    """Iterate `step` from `x0` over the times `ts`.

    **Arguments:**

    - `step`: an `AbstractStep` (its memory is carried) or a function of the same call.
    - `field`: `f(t, x, args)`, with the parts that the step needs. A bare function is taken by its
      halves where a step needs kicks and drifts and its program shows that it separates, as in
      `as_solver`.
    - `x0`: initial state, `(d,)` or features-first `(d, N)`.
    - `ts`: times `(n + 1,)`, increasing, irregular ones allowed; or a tuple `(h, n)` for
      `t = 0, h, ..., n h`, `h` negative to go back. A tuple means that in all of the library;
      where times alone are taken it is refused.
    - `substeps`: equal steps between two times.
    - `adjoint`: how gradients are computed. `None`: by JAX, which stores every step;
      `Reversible()`: by running backwards, which stores the states of `ts` only.

    **Returns** a `Rollout`. Raises `ValueError` for times that do not increase, `h = 0`, an initial
    state that is not finite, a field without the parts, or a reversible adjoint of a step that has
    no exact inverse. Differentiable; compile time does not grow with `n`.

    ```python
    >>> from dynnets.integrators import rollout, verlet_kdk
    >>> from dynnets.systems import Harmonic
    >>> import jax.numpy as jnp
    >>> orbit = rollout(verlet_kdk, Harmonic().field, jnp.array([1.0, 0.0]), (0.1, 100))
    >>> orbit.xs.shape
    (101, 2)

    ```
    """
    check_size("substeps", substeps)
    check_finite("x0", x0)
    if isinstance(ts, tuple):
        h = ts[0]
        ts = grid_times(ts, x0.dtype)
        n = ts.shape[0] - 1
        steps = (ts[:-1], jnp.broadcast_to(jnp.asarray(h, x0.dtype), (n,)))
    else:
        check_increasing("ts", ts)
        if ts.shape[0] < 2:
            raise ValueError(f"a rollout needs at least two times, got {ts.shape[0]}")
        steps = (ts[:-1], ts[1:] - ts[:-1])
    field = field_for(step, field, steps[0][0], x0, args)
    drift = None
    if adjoint is None:
        final = _scan(step, field, x0, steps, args, substeps)
    else:
        check_invertible(step)
        final = reversible_states(_scan, step, field, x0, steps, args, substeps, adjoint)
        if adjoint.monitor:
            drift = rebuilt_drift(step, field, x0, steps, args, final, substeps)
    return Rollout(ts, jnp.concatenate([x0[None], final]), drift)


def _scan(step, field, x0, steps, args, substeps):
    starts, sizes = steps
    has_memory = isinstance(step, AbstractStep)
    memory = step.start(field, starts[0], x0, sizes[0] / substeps, args) if has_memory else None

    def body(carry, start_and_size):
        t, size = start_and_size
        h = size / substeps
        if substeps > 1:
            carry = repeat(step, field, t, carry[0], h, args, carry[1], substeps)
        elif has_memory:
            carry = step.advance(field, t, carry[0], h, args, carry[1])
        else:
            carry = step(field, t, carry[0], h, args), None
        return carry, carry[0]

    return jax.lax.scan(body, (x0, memory), steps)[1]
