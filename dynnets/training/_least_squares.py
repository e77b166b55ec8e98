"""Nonlinear least squares: few parameters, a smooth residual, and the last digits wanted."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import PyTree

from dynnets._core import check_positive, check_size, trainable

from ._ensemble import check_ensemble


class LeastSquaresResult(NamedTuple):
    """What `fit_least_squares` returns; for an ensemble stacks and arrays `(k,)`.

    - `model`: the fitted model; `value`: half the sum of squares of its residual.
    - `steps`: steps taken; `converged`: whether the tolerance was met before they ran out.
    - `seconds`: wall time with compilation.
    """

    model: eqx.Module
    value: Any
    steps: Any
    converged: Any
    seconds: float


def fit_least_squares(
    model: eqx.Module,
    residual: Callable,
    data: PyTree = None,
    *,
    steps: int = 50,
    tolerance: float = 1e-8,
    ensemble: int | None = None,
    filter_spec: PyTree = None,
) -> LeastSquaresResult:
    """Minimise `|residual(model, data)|^2 / 2` by the Levenberg-Marquardt method of optimistix.

    For a few hundred parameters at most: every step forms the Jacobian, by forward derivatives.
    Where `fit` creeps along a narrow valley this method gets to the bottom in tens of steps. It
    needs a fair start, such as the result of a short `fit`. A step that makes the sum of squares
    larger, or not finite, is refused, so the result is never worse than the start.

    **Arguments:** `residual(model, data)`: any array or tree of arrays; scale its parts so that
    one is a typical error. `data`: passed on as it is. `steps`: most steps; `tolerance`: relative
    and absolute, on parameters and sum of squares; `ensemble`: `k` if `model` is a stack
    of `k` models (`stack_models`), which are fitted in one vmapped program to the same data;
    `filter_spec`: what is fitted, as for `equinox.partition`, all floating-point arrays but
    those of a `constant_field` by default.

    Raises `ValueError` for nothing to fit, and a first residual that is not finite.
    """
    check_size("steps", steps)
    check_positive("tolerance", tolerance)
    if ensemble is not None:
        check_ensemble(model, ensemble)
    spec = trainable(model) if filter_spec is None else filter_spec
    params, frozen = eqx.partition(model, spec)
    if not jax.tree.leaves(params):
        raise ValueError(f"{type(model).__name__} has nothing to fit under this filter_spec")
    start = time.perf_counter()
    run = _solve if ensemble is None else eqx.filter_vmap(_solve, in_axes=(0, 0, *[None] * 4))
    fitted, first, value, taken, converged = eqx.filter_jit(run)(
        params, frozen, residual, data, steps, tolerance
    )
    if not np.isfinite(np.asarray(first)).all():
        raise ValueError(f"the first residual is not finite: half its square is {first}")
    seconds = time.perf_counter() - start
    return LeastSquaresResult(eqx.combine(fitted, frozen), value, taken, converged, seconds)


def _cast(tree, like):
    return jax.tree.map(lambda leaf, other: leaf.astype(other.dtype), tree, like)


def _solve(params, frozen, residual, data, steps, tolerance):
    # optimistix works in the default precision: a float32 model is fitted there even under x64
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.zeros(()).dtype), params)

    def of(wide, args):
        found = residual(eqx.combine(_cast(wide, params), frozen), data)
        return jax.tree.map(lambda leaf: leaf.astype(jnp.zeros(()).dtype), found)

    def half_square(wide):
        return sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(of(wide, None))) / 2

    solution = optx.least_squares(
        of,
        optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance),
        wide,
        options={"jac": "fwd"},
        max_steps=steps,
        throw=False,
    )
    converged = solution.result == optx.RESULTS.successful
    fitted, taken = solution.value, solution.stats["num_steps"]
    value = half_square(fitted)
    return _cast(fitted, params), half_square(wide), value, taken, converged
