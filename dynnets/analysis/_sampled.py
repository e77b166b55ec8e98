"""Worst cases found by trying: each is a lower bound of the true worst case, never a proof."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from dynnets._core import check_finite, check_size, coarsest_eps

ULPS = 250.0
"""Units of last place that round-off may leave of a defect, per size of the numbers that cancel.

Fields and steps of this library, nets 200 wide and networks of 256 layers leave up to 5 of them in
either precision: the rounding of a sum grows like the root of the number of its terms, and at most
like that number (Higham, Accuracy and Stability of Numerical Algorithms, 2002, sections 2.8 and
3.1). Fifty times more is left for models whose own terms cancel. In single precision that is 3e-5
of those numbers."""

DECIDABLE = 1e-2
"""A defect is judged where round-off explains at most this share of a total defect."""


class Finding(NamedTuple):
    """What the states tried say of one quantity.

    `worst` value; `statement`: what was measured and, where it matters, at how many states;
    `holds`: of a claim, else `None`; `undecided`: whether a claim can't be told from round-off.
    """

    name: str
    worst: float
    statement: str
    holds: bool | None = None
    undecided: bool = False


def sample_domain(domain: Any, samples: int, *, key: PRNGKeyArray) -> Float[Array, "samples d"]:
    """States uniform in the box `domain = (low (d,), high (d,))`.

    Raises `ValueError` for bounds that are not one pair of rows, not finite, or out of order.
    """
    check_size("samples", samples)
    if len(domain) != 2:
        raise ValueError(f"domain must be a pair (low, high), got {len(domain)} parts")
    low, high = (jnp.asarray(bound) for bound in domain)
    if low.ndim != 1 or low.shape != high.shape:
        raise ValueError(f"domain needs two rows (d,), got shapes {low.shape} and {high.shape}")
    check_finite("domain", jnp.stack([low, high]))
    if not bool((low <= high).all()):
        worst = int(jnp.argmin(high - low))
        raise ValueError(f"domain must satisfy low <= high, got {low[worst]} > {high[worst]}")
    shape = (samples, low.shape[0])
    return jr.uniform(key, shape, low.dtype, minval=low[None], maxval=high[None])


def rounding_of(model: PyTree, xs: Array) -> float:
    """`eps` of the coarser of the model's parameters and the states."""
    return max(coarsest_eps(model), float(jnp.finfo(xs.dtype).eps))


def is_decidable(eps: float) -> bool:
    """Whether any defect can be told from round-off at all: not in half precision."""
    return ULPS * eps <= DECIDABLE


def undecidable(eps: float) -> Finding:
    """The one line of a model in whose precision no defect can be told from round-off."""
    text = (
        f"no defect can be told from round-off where numbers have eps = {eps:.1e}: "
        "certify a copy of the model in single precision"
    )
    return Finding("DEFECTS", eps, text, None, True)


def judge(name: str, measured, eps: float, statement: str, claimed: bool) -> Finding:
    """A defect at `n` states against what round-off explains of it at each of them.

    **Arguments:** `measured`: defects, sizes of the numbers that cancel and units of a total
    defect, each `(n,)`. A claim fails at a state where the defect is not a number, or above
    `ULPS * eps * size`; it is undecided where that is more than `DECIDABLE` of the unit; it holds
    when it is decided at every state and fails at none.
    """
    defect, size, unit = (np.asarray(part, float) for part in measured)
    lost, worst = ~np.isfinite(defect), worst_of(defect)
    if not claimed:
        return Finding(name, worst, statement + _where(lost, "not a number"))
    unit = np.where(np.isfinite(unit), unit, 1.0)
    # A size that is not finite (the inverse of a singular Jacobian) excuses nothing.
    slack = ULPS * eps * np.where(np.isfinite(size), size, unit)
    failed = lost | (defect > slack)
    if failed.any():
        text = _where(lost, "not a number")
        if (failed & ~lost).any():
            at = int(np.argmax(np.where(lost, -np.inf, defect - slack)))
            text = f"; round-off explains at most {slack[at]:.1e} there{text}"
        return Finding(name, worst, statement + text, False)
    unclear = slack > DECIDABLE * unit
    if unclear.any():
        text = "not decidable in this precision, where round-off alone explains "
        text += f"{(slack / unit)[unclear].max():.0%} of a total defect,"
        return Finding(name, worst, statement + _where(unclear, text), None, True)
    return Finding(name, worst, f"{statement}; round-off explains {slack.max():.1e}", True)


def _where(states, what: str) -> str:
    count = int(states.sum())
    return f"; {what} at {count} of {states.size} states" if count else ""


def worst_of(values) -> float:
    """The largest value; infinite as soon as one is not finite."""
    values = np.asarray(values, float)
    return float(values.max()) if np.isfinite(values).all() else float("inf")


class Attempt(NamedTuple):
    """`values` at `n` states, NaN for those at which the evaluation raised an error: `failed` of
    them, with the `reason` of the last one.
    """

    values: PyTree
    failed: int
    reason: str


@eqx.filter_jit
def _over_states(function, xs):
    return jax.vmap(function)(xs)


def attempt(function: Callable, xs: Float[Array, " n *state"]) -> Attempt:
    """`function` of every state, by NumPy; states at which a solver inside raises are counted.

    A solve of an implicit step or of a Legendre transform may fail at some states. One that
    raises stops a whole batch: only then is every state tried for itself.
    """
    try:
        return Attempt(_fetched(_over_states(function, xs)), 0, "")
    except (eqx.EquinoxRuntimeError, jax.errors.JaxRuntimeError):
        rows, reasons = [], []
    shapes = eqx.filter_eval_shape(_over_states, function, xs[:1])
    blank = jax.tree.map(lambda s: np.full(s.shape, np.nan), shapes)
    for i in range(len(xs)):
        try:
            rows.append(_fetched(_over_states(function, xs[i : i + 1])))
        except (eqx.EquinoxRuntimeError, jax.errors.JaxRuntimeError) as error:
            rows.append(blank)
            reasons.append(_reason(error))
    values = jax.tree.map(lambda *parts: np.concatenate(parts), *rows)
    return Attempt(values, len(reasons), reasons[-1] if reasons else "")


def _fetched(tree):
    return jax.tree.map(np.asarray, tree)


def _reason(error) -> str:
    """The first sentence of a solver's message, of one line."""
    text = " ".join(str(error).split())
    for mark in ("EquinoxRuntimeError: ", "ValueError: "):
        text = text.rsplit(mark, 1)[-1]
    return text.split(". ")[0].removesuffix(".")[:200]


def evaluation_finding(name: str, what: str, tried: Attempt, finite) -> list[Finding]:
    """A line that FAILS, in words, for an evaluation that raises or leaves the finite numbers."""
    count, total = int((~finite).sum()), finite.size
    if not count:
        return []
    text = f"{what} could not be evaluated, or is not finite, at {count} of {total} states"
    why = tried.reason if tried.failed else "a solve inside did not converge, or overflow"
    text += f": {why}"
    return [Finding(name, float(count), text, False)]
