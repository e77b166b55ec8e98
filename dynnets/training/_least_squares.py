"""Nonlinear least squares: few parameters, a smooth residual, and the last digits wanted."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jax.flatten_util import ravel_pytree
from jaxtyping import PyTree

from dynnets._core import check_positive, check_size, trainable

from ._dual_descent import DualLevenbergMarquardt
from ._ensemble import check_ensemble


class LeastSquaresResult(NamedTuple):
    """What `fit_least_squares` returns; for an ensemble stacks and arrays `(k,)`.

    - `model`: the fitted model; `value`: half the sum of squares of its residual.
    - `steps`: steps taken; `converged`: whether the tolerance was met before they ran out.
    - `seconds`: wall time with compilation.
    """

    model: Any
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
    data_axis: int | None = None,
    dual: bool = False,
    by_sample: bool = False,
    filter_spec: PyTree = None,
) -> LeastSquaresResult:
    """Minimise `|residual(model, data)|^2 / 2` by the Levenberg-Marquardt method of optimistix.

    For a few hundred parameters at most, or with `dual=True` as many residuals: every step forms
    the Jacobian.
    Where `fit` creeps along a narrow valley this method gets to the bottom in tens of steps. It
    needs a fair start, such as the result of a short `fit`. A step that makes the sum of squares
    larger, or not finite, is refused, so the result is never worse than the start.

    **Arguments:** `residual(model, data)`: any array or tree of arrays; scale its parts so that one
    is a typical error. `data`: passed on as it is. `steps`: the largest number of steps;
    `tolerance`: the relative and absolute change of parameters and of the sum of squares at which
    they end; `ensemble`: `k` if `model` is a stack of `k` models (`stack_models`), which are fitted
    in one vmapped program to the same data, or with `data_axis=0` each to its own along a leading
    axis `k`; `dual`: solve for the residuals in place of the parameters,
    `J^T (J J^T + mu I)^{-1} r`, with one reverse derivative per residual: for nets with more
    parameters than residuals; `by_sample`: samples along the first axis of every array of `data`
    have residuals of their own (`residual` is called with batches of one), so that the Jacobian
    costs one reverse derivative per residual of a *single* sample, with or without `dual`;
    `filter_spec`: what is fitted, as for `equinox.partition`, all floating-point arrays but those
    of a `constant_field` by default.

    Raises `ValueError` for nothing to fit, a first residual that is not finite, and `by_sample`
    with arrays of different numbers of samples.

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.energies import QuadraticEnergy
    >>> from dynnets.training import LeastSquaresResult, fit_least_squares
    >>> energy = QuadraticEnergy(jnp.eye(1))
    >>> found = fit_least_squares(energy, lambda energy, data: energy.matrix - data, jnp.eye(1) * 3)
    >>> isinstance(found, LeastSquaresResult), round(float(found.model.matrix[0, 0]), 3)
    (True, 3.0)

    ```
    """
    check_size("steps", steps)
    check_positive("tolerance", tolerance)
    if ensemble is not None:
        check_ensemble(model, ensemble)
    elif data_axis is not None:
        raise ValueError("data_axis=0 gives every member its own data: it needs ensemble=k")
    if by_sample:
        _check_samples(data, 0 if data_axis is None else 1)
    spec = trainable(model) if filter_spec is None else filter_spec
    params, frozen = eqx.partition(model, spec)
    if not jax.tree.leaves(params):
        raise ValueError(f"{type(model).__name__} has nothing to fit under this filter_spec")
    start = time.perf_counter()
    run = levenberg_marquardt
    if ensemble is not None:
        of_data = None if data_axis is None else eqx.if_array(0)
        run = eqx.filter_vmap(run, in_axes=(0, 0, None, of_data, *[None] * 4))
    fitted, first, value, taken, converged = eqx.filter_jit(run)(
        params, frozen, residual, data, steps, tolerance, dual, by_sample
    )
    if not np.isfinite(np.asarray(first)).all():
        raise ValueError(f"the first residual is not finite: half its square is {first}")
    seconds = time.perf_counter() - start
    return LeastSquaresResult(eqx.combine(fitted, frozen), value, taken, converged, seconds)


def _check_samples(data, axis: int) -> None:
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(data)]
    counts = {shape[axis : axis + 1] for shape in shapes}
    if len(counts) != 1 or () in counts:
        raise ValueError(f"by_sample needs samples along one axis of all of data, got {shapes}")


def _cast(tree, like):
    return jax.tree.map(lambda leaf, other: leaf.astype(other.dtype), tree, like)


def levenberg_marquardt(
    params, frozen, residual, data, steps, tolerance, dual=False, by_sample=False
):
    """`(fitted, first value, last value, steps, converged)`, pure; see `fit_least_squares`."""
    # optimistix works in the default precision: a float32 model is fitted there even under x64
    wide = jax.tree.map(lambda leaf: leaf.astype(jnp.zeros(()).dtype), params)
    # as one vector: with a leaf a layer the Jacobian would be a matrix of blocks
    start, restore = ravel_pytree(wide)

    def of(flat, data):
        model = eqx.combine(_cast(restore(flat), params), frozen)
        return ravel_pytree(residual(model, data))[0].astype(start.dtype)

    method, mode = optx.LevenbergMarquardt(rtol=tolerance, atol=tolerance), "fwd"
    if dual:
        method, mode = DualLevenbergMarquardt(tolerance, tolerance), "bwd"
    function = _sample_by_sample(of) if by_sample else of
    options = {"jac": mode}
    solution = optx.least_squares(
        function, method, start, data, options=options, max_steps=steps, throw=False
    )
    converged = solution.result == optx.RESULTS.successful
    fitted, taken = solution.value, solution.stats["num_steps"]
    values = (jnp.sum(of(flat, data) ** 2) / 2 for flat in (start, fitted))
    return _cast(restore(fitted), params), *values, taken, converged


def _sample_by_sample(of: Callable) -> Callable:
    """The same residual, whose derivative is one matrix: `d` rows a sample by reverse mode."""

    def one(flat, sample):
        return of(flat, jax.tree.map(lambda leaf: leaf[None], sample))

    @eqx.filter_custom_jvp
    def function(flat, data):
        return jax.vmap(one, in_axes=(None, 0))(flat, data).reshape(-1)

    @function.def_jvp
    def _(primals, tangents):
        flat, data = primals
        rows = jax.vmap(jax.jacrev(one), in_axes=(None, 0))(flat, data)
        return function(flat, data), rows.reshape(-1, flat.shape[0]) @ tangents[0]

    return function
