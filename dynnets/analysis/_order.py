"""The order of a step as it is observed, not as it is declared."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_positive, check_size
from dynnets.integrators import rollout


def observed_order(
    step,
    field,
    x0: Float[Array, " d *batch"],
    duration: float | int,
    *,
    steps: int = 16,
    levels: int = 4,
    exact: Float[Array, " d *batch"] | None = None,
    args: Any = None,
) -> Array:
    """Slope of the error at `duration` against the step, from runs of `steps * 2^k` steps.

    With `exact`, the state at `duration`, the errors are true ones; without it the errors are
    differences of successive runs (Richardson), which have the same slope. Least squares over
    `log2`, so that one lucky cancellation does not decide.

    **Arguments:** `x0`: state at time zero; `steps`: of the coarsest run, `levels`: number of
    runs (at least 3, or 2 with `exact`); `args`: as the field takes them.

    **Returns:** a scalar near `step_info(step).order` when the runs are in the asymptotic range
    and above round-off; NaN when two runs agree exactly. Cost: `steps * (2^levels - 1)` steps.
    Raises `ValueError` for a duration that is not positive and too few levels.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.analysis import observed_order
    >>> from dynnets.integrators import heun
    >>> x0, exact = jnp.array([1.0]), jnp.exp(jnp.array([-1.0]))
    >>> slope = observed_order(heun, lambda t, x, args: -x, x0, 1.0, steps=2, levels=2, exact=exact)
    >>> round(float(slope))
    2

    ```
    """
    check_positive("duration", duration)
    check_size("steps", steps)
    check_size("levels", levels, 3 if exact is None else 2)
    run = eqx.filter_jit(lambda n: rollout(step, field, x0, (duration / n, n), args).xs[-1])
    ends = [run(steps * 2**k) for k in range(levels)]
    others = ends[1:] if exact is None else [exact] * levels
    errors = [jnp.abs(a - b).max() for a, b in zip(ends, others, strict=False)]
    heights = jnp.log2(jnp.stack(errors))
    places = jnp.arange(len(errors), dtype=heights.dtype)
    places = places - jnp.mean(places)
    return -jnp.sum(places * heights) / jnp.sum(places**2)
