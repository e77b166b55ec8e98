"""`fit_sparse`: the terms of an energy found from data, through the integrator or from rates.

The search has two moves. A Gauss-Newton step evaluates the Jacobian of the forecasts and moves the
coefficients; it is damped (Levenberg and Marquardt), and undone where it makes the residual larger.
Once the steps are far below the errors of the coefficients, terms that do not stand out of their
error are dropped; that takes the normal equations alone, and no data (`_elimination.py`). Then
Gauss-Newton goes on with what is left, until nothing more goes.

All of it is one compiled loop with arrays of fixed shapes: a term that was dropped stays in its
place with a mask, so that another support is no other program.
"""

import time
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float

from dynnets._core import check_choice, check_finite, check_positive, check_size, trainable
from dynnets.data import batch_part

from ._elimination import RULES, condition_number, eliminate, reduce
from ._normal_equations import (
    BLOCK,
    FlowProblem,
    NormalEquations,
    Points,
    RateProblem,
    Records,
    no_step_error,
)
from ._sparse_terms import library_parts, term_labels, with_masks


class SparseFit(NamedTuple):
    """What `fit_sparse` returns.

    - `model`: the fitted model; terms that were dropped are masked, so a later `fit` keeps them
      out. `terms`: their names, in the order of the arrays below.
    - `coefficients`, `errors`: fitted values and their errors, of which the standard error is one
      part and what halving the step would move them the other; `support`: which are left.
    - `noise`: standard deviation of the residual. `condition`: condition number of the Jacobian,
      its columns scaled to one length, before elimination; `weakest`: the terms of its weakest
      direction; `identifiable`: whether it was below the limit.
    - `evaluations`: how often the Jacobian was evaluated; `converged`: whether the search settled;
      `seconds`: the wall time, compilation included.
    """

    model: eqx.Module
    terms: tuple[str, ...]
    coefficients: Float[Array, " terms"]
    errors: Float[Array, " terms"]
    support: Bool[Array, " terms"]
    noise: float
    condition: float
    weakest: tuple[str, ...]
    identifiable: bool
    evaluations: int
    converged: bool
    seconds: float


def fit_sparse(
    model: eqx.Module,
    data: Any,
    *,
    rule: str = "standard error",
    cut: float = 4.0,
    substeps: int | None = None,
    joint: bool = False,
    steps: int = 40,
    most_condition: float | None = None,
    refuse: bool = True,
) -> SparseFit:
    """Fit the coefficients of a model's library energies and drop the terms that are not there.

    Gauss-Newton (damped) over all trainable numbers of the model, inner weights of terms included,
    then backward elimination on the same normal equations, then Gauss-Newton on what is left;
    both in turn until the support stays. Nothing is penalised, so what is left is not shrunk.

    **Arguments:**

    - `model`: with `LibraryEnergy` parts in its `.field`, such as `SSINN`; its `.step` and
      `.substeps` lead from one sample to the next.
    - `data`: records `ts`, `xs`, `mask` such as `Trajectories` (cut them short by
      `windows(record, 2)`: pairs of neighbours are best for chaotic motion), whose later samples
      are forecast from the first one; or `Samples` with rates `dx`, for regression of
      derivatives as in SINDy.
    - `rule`, `cut`: `"standard error"` drops the term of the least |coefficient| / error, one by
      one, while that is below `cut` (3 to 5); `"threshold"` all coefficients below
      `cut`, again and again (sequential thresholding); `cut=0` drops nothing.
    - `substeps`: steps between two samples, by default the model's.
    - `joint`: the first sample of each record is noisy too: its true state is fitted along
      with the coefficients and eliminated block by block. Without it least squares is biased
      by about (noise / interval)^2.
    - `steps`: the largest number of evaluations of the Jacobian, before the elimination and again
      during it.
    - `most_condition`: the largest condition number at which a fit is trusted, by default
      `0.01 / sqrt(eps)` (7e5 in float64, 29 in float32); `refuse`: raise beyond it, where no
      term is left and where the search has not settled, else only say so in the result.

    **Returns** a `SparseFit`. Raises `ValueError` for a model without library terms, data of
    another kind or not finite, a fit without a term left or that `steps` did not settle, and for
    coefficients that the data do not determine: the message names their terms. Cost: `2 steps`
    Jacobians at most, one push-forward a coefficient each.

    Sources: D. DiPietro, S. Xiong, B. Zhu, NeurIPS 2020, arXiv:2006.12972; S. Brunton, J. Proctor,
    J. N. Kutz, PNAS 113, 2016 (thresholding).

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.data import simulate, windows
    >>> from dynnets.energies import monomials
    >>> from dynnets.models import SSINN
    >>> from dynnets.systems import Harmonic
    >>> from dynnets.training import fit_sparse
    >>> record = simulate(Harmonic(), jr.key(0), 20, jnp.linspace(0.0, 0.2, 3), tolerance=1e-6)
    >>> found = fit_sparse(SSINN(monomials(1, 3), monomials(1, 3)), windows(record, 2))
    >>> found.model.formula(digits=2)
    '0.5 p^2 + 0.5 q^2'

    ```
    """
    check_choice("rule", rule, RULES)
    if cut:
        check_positive("cut", cut)
    check_size("steps", steps)
    began = time.perf_counter()
    parts = library_parts(model)
    if not parts:
        raise ValueError(f"{type(model).__name__} has no LibraryEnergy: give it a library of terms")
    params, frozen = eqx.partition(model, trainable(model))
    theta, restore = ravel_pytree(params)
    model_of = _Restore(restore, frozen)
    problem, blocks, count = _problem(model, model_of, data, substeps, joint)
    prunable, active = _masks(params, model, theta.shape[0])
    state = _initial_state(theta, jnp.asarray(active), blocks.first)
    zero = jnp.zeros((), theta.dtype)
    settings = jnp.asarray(prunable), count, rule, steps
    state = _search(problem, blocks, state, zero, no_step_error(theta), *settings)
    condition, direction, step_error = _diagnose(problem, blocks, state, *settings[:2])
    named = term_labels(model), np.asarray(direction)[prunable]
    weakest, identifiable = _check_condition(condition, *named, most_condition, refuse)
    if cut:
        spent = state.evaluations
        state = state._replace(finished=~state.settled, evaluations=jnp.zeros_like(spent))
        state = _search(problem, blocks, state, zero + cut, step_error, *settings)
        state = state._replace(evaluations=state.evaluations + spent)
    outcome = _outcome(model_of, state, prunable, count, step_error)
    if refuse and not outcome["support"].any():
        raise ValueError(
            f"no term stands out of its error, and {outcome['noise']:.2g} of a sample (root mean "
            "square) is left unexplained: take more substeps, or samples closer in time, if the "
            "motion is fast; other terms, if these cannot describe it; or refuse=False"
        )
    if refuse and not outcome["converged"]:
        raise ValueError(
            f"the search has not settled after {outcome['evaluations']} Jacobians, and "
            f"{outcome['noise']:.2g} of a sample (root mean square) is left unexplained: take more "
            f"substeps, or samples closer in time, if the motion is fast; more than {steps} steps "
            "if the error is small already; or refuse=False"
        )
    return SparseFit(
        **outcome,
        condition=float(condition),
        weakest=weakest,
        identifiable=identifiable,
        seconds=time.perf_counter() - began,
    )


def _outcome(model_of, state, prunable, count, step_error) -> dict:
    """The fitted model and what is known of its terms."""
    if not bool(jnp.isfinite(state.equations.value)):
        raise ValueError("the fit left the finite numbers: take more substeps or a smaller library")
    found = reduce(state.equations, state.theta, state.active, count, step_error)
    support = np.asarray(state.active)[prunable]
    model = with_masks(model_of(state.theta), support)
    freedom = max(count - int(state.active.sum()), 1)
    return {
        "model": model,
        "terms": term_labels(model),
        "coefficients": state.theta[prunable],
        "errors": jnp.where(support, found.errors[prunable], 0),
        "support": jnp.asarray(support),
        "noise": float(jnp.sqrt(state.equations.value / freedom)),
        "evaluations": int(state.evaluations),
        "converged": bool(state.settled),
    }


class _Restore(eqx.Module):
    """The model of a vector of parameters."""

    unravel: Any
    frozen: Any

    def __call__(self, theta):
        return eqx.combine(self.unravel(theta), self.frozen)


def _masks(params, model, size: int):
    """Which entries are coefficients, and which are there to begin with."""
    prunable = np.zeros(size, bool)
    active = np.ones(size, bool)
    flat, unravel = ravel_pytree(params)
    index = unravel(jnp.arange(size, dtype=flat.dtype))
    for got, part in zip(library_parts(index), library_parts(model), strict=True):
        rows = np.asarray(got.coefficients).astype(int)
        prunable[rows], active[rows] = True, np.asarray(part.mask)
    return prunable, active


def _problem(model, model_of, data, substeps, joint):
    """The problem, its data in blocks, and how many numbers are met."""
    if batch_part(data, "dx") is not None:
        if joint:
            raise ValueError("joint initial states need records of states, got rates")
        check_finite("x", data.x)
        check_finite("dx", data.dx)
        weights = np.ones(data.x.shape[0])
        blocks = Points(*_in_blocks(data.x, data.dx, weights))
        return RateProblem(model_of), blocks, data.x.size
    if batch_part(data, "xs") is None:
        raise ValueError(
            f"{type(data).__name__} holds neither records (ts, xs, mask) nor rates (x, dx)"
        )
    check_finite("xs", data.xs)
    mask = np.asarray(data.mask)
    if data.xs.shape[1] < 2:
        raise ValueError(f"a record needs at least two samples, got shape {data.xs.shape}")
    ts = np.asarray(data.ts) - np.asarray(data.ts)[:, :1]
    ts = np.where(mask, ts, np.max(np.where(mask, ts, 0), axis=1, keepdims=True))
    shared = bool(np.allclose(ts, ts[:1], rtol=1e-6, atol=0))
    blocked = _in_blocks(data.xs, mask, data.xs[:, 0], ts)
    xs, weights, first, times = blocked
    records = Records(jnp.asarray(ts[0]) if shared else times, xs, weights, first)
    substeps = model.substeps if substeps is None else substeps
    check_size("substeps", substeps)
    problem = FlowProblem(model_of, model.step, substeps, joint, shared)
    dim = data.xs.shape[2]
    return problem, records, int(mask[:, 1:].sum()) * dim


def _in_blocks(*arrays):
    """Arrays `(N, ...)` as `(blocks, B, ...)` in the dtype of the first; the padding repeats the
    first row and its weights, the second or third array of bools or ones, are zero.
    """
    dtype, rows = arrays[0].dtype, arrays[0].shape[0]
    size = min(BLOCK, rows)
    count = -(-rows // size)
    padding = count * size - rows
    found = []
    for array in arrays:
        array = np.asarray(array)
        more = np.repeat(array[:1], padding, axis=0)
        if array.dtype == bool or array.ndim == 1:
            more = np.zeros_like(more)
        whole = np.concatenate([array, more]).astype(dtype)
        found.append(jnp.asarray(whole.reshape(count, size, *array.shape[1:])))
    return found


class _State(NamedTuple):
    """Where the search is; `settled`: Gauss-Newton has converged on the present support."""

    theta: Array
    equations: NormalEquations
    start: Array | None
    active: Array
    damping: Array
    evaluations: Array
    settled: Array
    finished: Array


@eqx.filter_jit
def _search(problem, blocks, state, cut, step_error, prunable, count, rule, steps) -> _State:
    """Gauss-Newton, then elimination and Gauss-Newton in turn while terms go: one program."""

    def body(state):
        theta, equations, active = state.theta, state.equations, state.active
        diagonal = jnp.diag(state.damping * jnp.diagonal(equations.gram))
        damped = equations._replace(gram=equations.gram + diagonal)
        moved = reduce(damped, theta, active, count, step_error).theta
        stuck = state.damping > 1e4  # no step however short makes it better: round-off
        settled = state.settled | _is_small(moved - theta, theta, equations, active, count) | stuck
        found, left = eliminate(equations, theta, active, prunable, count, step_error, cut, rule)
        fewer = settled & (left != active).any()
        # a round is one of two: fewer terms with their refit in the quadratic model, or a step
        trial = jnp.where(fewer, found.theta, moved)
        fresh, ends = problem.equations(trial, blocks, state.start)
        # fewer terms always fit worse, which is no reason to keep them; a step must fit better
        taken = fewer | (fresh.value <= equations.value)
        damping = jnp.where(taken, state.damping / 30, jnp.maximum(state.damping * 10, 1e-6))
        new = _State(
            theta=trial,
            equations=fresh,
            start=ends,
            active=jnp.where(fewer, left, active),
            damping=damping,
            evaluations=state.evaluations,
            settled=settled & ~fewer,
            finished=settled & ~fewer,
        )
        old = state._replace(damping=damping, settled=settled, finished=settled & ~fewer)
        kept = jax.tree.map(lambda a, b: jnp.where(taken, a, b), new, old)
        return kept._replace(evaluations=state.evaluations + 1)

    def going(state):
        return ~state.finished & (state.evaluations < steps)

    return jax.lax.while_loop(going, body, state)


def _is_small(move, theta, equations, active, count):
    """Whether a step is far below the standard errors, or at round-off."""
    freedom = jnp.maximum(count - jnp.sum(active), 1).astype(move.dtype)
    size = move @ equations.gram @ move
    roundoff = (100 * jnp.finfo(move.dtype).eps) ** 2 * (theta @ equations.gram @ theta)
    least = jnp.maximum(1e-6 * equations.value / freedom, roundoff)
    return jnp.isfinite(equations.value) & (size <= least)


def _initial_state(theta, active, start) -> _State:
    """No equations yet: the first step goes nowhere, and is taken."""
    size = theta.shape[0]
    nothing = NormalEquations(
        jnp.zeros((size, size), theta.dtype),
        jnp.zeros_like(theta),
        jnp.asarray(jnp.inf, theta.dtype),
    )
    no = jnp.asarray(False)
    theta = jnp.where(active, theta, jnp.zeros_like(theta))
    return _State(
        theta, nothing, start, active, jnp.asarray(1e-4, theta.dtype), jnp.asarray(0), no, no
    )


@eqx.filter_jit
def _diagnose(problem, blocks, state, prunable, count):
    """Condition number, the weakest direction, and the error of the steps."""
    equations, active = state.equations, state.active
    condition, direction = condition_number(equations, active)
    unseen = (jnp.diagonal(equations.gram) == 0) & prunable & active
    condition = jnp.where(unseen.any(), jnp.inf, condition)
    direction = jnp.where(unseen.any(), unseen.astype(direction.dtype), direction)
    return condition, direction, problem.step_error(state.theta, blocks, state.start, count)


def _check_condition(condition, labels, direction, most_condition, refuse):
    """The terms that the data determine least, and whether they do at all."""
    limit = 0.01 / float(jnp.finfo(condition.dtype).eps) ** 0.5
    limit = limit if most_condition is None else most_condition
    share = np.abs(direction)
    order = [i for i in np.argsort(-share)[:4] if share[i] > 0.2 * share.max()]
    weakest, identifiable = tuple(labels[i] for i in order), bool(condition <= limit)
    if refuse and not identifiable:
        raise ValueError(
            f"the data do not determine all coefficients: condition number {float(condition):.1e} "
            f"beyond {limit:.1e}, least of all {', '.join(weakest)}. Leave out such terms, record "
            "motions from more and other starts, or take refuse=False"
        )
    return weakest, identifiable
