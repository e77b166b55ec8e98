"""Initial states fitted to the first observations, the model held fixed: one solve a trial."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Bool, Float, Int

from dynnets._core import check_choice, check_finite, check_positive, check_size
from dynnets.integrators import rollout
from dynnets.losses import step_of, stopped_times
from dynnets.models import AbstractModel

from ._least_squares import levenberg_marquardt

STATE_FITS = ("gauss_newton", "lbfgs")
"""Methods of `fit_initial_states`."""


class InitialStateFit(NamedTuple):
    """What `fit_initial_states` returns.

    - `x0 (trials, d)`: the fitted states at the first time of each trial.
    - `error (trials,)`: mean square of the residual over the samples and components observed.
    - `steps (trials,)`: taken; `converged (trials,)`: the tolerance was met before they ran out.
    """

    x0: Float[Array, "trials dim"]
    error: Float[Array, " trials"]
    steps: Int[Array, " trials"]
    converged: Bool[Array, " trials"]


class StateFit(eqx.Module):
    """How initial states are fitted: what `fit_initial_states` takes, held together."""

    step: Callable | None = None
    substeps: int = eqx.field(static=True, default=1)
    method: str = eqx.field(static=True, default="gauss_newton")
    steps: int = eqx.field(static=True, default=30)
    tolerance: float = eqx.field(static=True, default=1e-6)
    observed: tuple[int, ...] | None = eqx.field(static=True, default=None)
    scale: Array | None = None

    def __check_init__(self):
        check_choice("method", self.method, STATE_FITS)
        check_size("substeps", self.substeps)
        check_size("steps", self.steps)
        check_positive("tolerance", self.tolerance)

    @eqx.filter_jit
    def __call__(self, model: AbstractModel, data, first) -> InitialStateFit:
        """Fit all trials in one vmapped program; pure, so it may itself be vmapped."""
        step = step_of(self.step, model)
        times = stopped_times(data.ts, data.mask)

        def one(x0, ts, xs, mask):
            return self._solve(lambda x: self._residual(step, model.field, x, ts, xs, mask), x0)

        x0, value, steps, converged = jax.vmap(one)(first, times, data.xs, data.mask)
        count = jnp.sum(data.mask, axis=1, dtype=value.dtype) * data.xs.shape[2]
        return InitialStateFit(x0, (2 * value / count).astype(x0.dtype), steps, converged)

    def _residual(self, step, field, x0, ts, xs, mask):
        path = rollout(step, field, x0, ts, substeps=self.substeps).xs
        if self.observed is not None:
            path = path[:, jnp.asarray(self.observed)]
        gap = path - xs
        if self.scale is not None:
            gap = gap / self.scale[None, :]
        return jnp.where(mask[:, None], gap, 0)

    def _solve(self, residual, x0):
        if self.method == "gauss_newton":
            fitted, _, value, steps, converged = levenberg_marquardt(
                x0, None, lambda x, _: residual(x), None, self.steps, self.tolerance
            )
            return fitted, value, steps, converged
        return _lbfgs(residual, x0, self.steps, self.tolerance)


def _lbfgs(residual, x0, steps: int, tolerance: float):
    # in the default precision, as the least-squares solver: optimistix mixes the two otherwise
    wide = x0.astype(jnp.zeros(()).dtype)

    def half_square(x, _):
        return jnp.sum(residual(x.astype(x0.dtype)) ** 2).astype(wide.dtype) / 2

    solver = optx.LBFGS(rtol=tolerance, atol=tolerance)
    found = optx.minimise(half_square, solver, wide, max_steps=steps, throw=False)
    value = half_square(found.value, None)
    better = value <= half_square(wide, None)  # a line search may end on a worse last trial
    fitted = jnp.where(better, found.value, wide).astype(x0.dtype)
    value = jnp.where(better, value, half_square(wide, None))
    converged = found.result == optx.RESULTS.successful
    return fitted, value, found.stats["num_steps"], converged


def fit_initial_states(
    model: AbstractModel,
    trajectories,
    *,
    method: str = "gauss_newton",
    first: Float[Array, "trials dim"] | None = None,
    step: Callable | None = None,
    substeps: int = 1,
    observed: tuple[int, ...] | None = None,
    scale: Float[Array, " observed"] | None = None,
    steps: int = 30,
    tolerance: float = 1e-6,
) -> InitialStateFit:
    """The states `x_0` that minimise `sum_k |x(t_k; x_0) - measured(t_k)|^2`, one solve a trial.

    Noise in a first sample is taken along by every forecast from it; a fit to the first few
    averages it out. Trials are independent, so they are solved in parallel with damping and line
    search of their own. For a symplectic model the problem is convex near the truth: its Hessian
    is about `sum F^T F` with `det F = 1`.

    **Arguments:**

    - `model`: anything with a `.field`, held fixed; `trajectories`: `ts`, `xs`, `mask`, such as
      `Trajectories`; cut it to the samples that are to be used (`split_counts`).
    - `method`: `"gauss_newton"`, damped (Levenberg-Marquardt, `d` forward derivatives a step, a
      few steps), or `"lbfgs"`, which forms no Jacobian; both of optimistix.
    - `first`: where to begin, `(trials, d)`; by default the first samples.
    - `step`, `substeps`: between two samples, by default the model's own step.
    - `observed`: which components of the state the record holds, all by default; `scale`: typical
      size of each, by which residuals are divided.
    - `steps`: the largest number of steps of the solver; `tolerance`: its relative and absolute
      tolerance.

    A result is never worse than its start. Raises `ValueError` for an unknown `method`, a model
    without a step where none is given, a start of another shape, and fewer observed numbers than
    unknown ones.

    Source: Chen, Zhang, Arjovsky, Bottou, Symplectic Recurrent Neural Networks, ICLR 2020,
    section 4.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.data import simulate
    >>> from dynnets.integrators import verlet_kdk
    >>> from dynnets.models import FieldModel
    >>> from dynnets.systems import Harmonic
    >>> from dynnets.training import InitialStateFit, StateFit, fit_initial_states
    >>> ts = jnp.linspace(0.0, 2.0, 21)
    >>> noisy = simulate(Harmonic(), jr.key(0), 8, ts, noise=0.1, tolerance=1e-6)
    >>> model = FieldModel(Harmonic().field, verlet_kdk)
    >>> fitted = fit_initial_states(model, noisy)
    >>> fitted.x0.shape, bool(fitted.converged.all())
    ((8, 2), True)
    >>> isinstance(fitted, InitialStateFit), StateFit().method  # the settings, for `fit_stages`
    (True, 'gauss_newton')

    ```
    """
    settings = StateFit(step, substeps, method, steps, tolerance, observed, scale)
    if first is None:
        if observed is not None:
            raise ValueError(
                f"with observed={observed} the first samples are no states: give first=(trials, d)"
            )
        first = trajectories.xs[:, 0]
    check_finite("first", first)
    trials, times, seen = trajectories.xs.shape
    if first.ndim != 2 or first.shape[0] != trials:
        raise ValueError(f"first has shape (trials, d) with {trials} trials, got {first.shape}")
    if times * seen < first.shape[1]:
        raise ValueError(
            f"{times} samples of {seen} components do not fix {first.shape[1]} unknowns"
        )
    return settings(model, trajectories, first)
