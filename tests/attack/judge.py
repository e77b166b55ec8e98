"""The judge: is a measured defect round-off, or a broken claim?

Every claim is measured twice, in float32 and in float64, with the same weights, states and steps.
What is wrong in exact arithmetic is the same number in both; round-off is `2^29` times smaller in
float64. So the distance of the two measures the round-off that this very program has at this very
state, and `FACTOR` times what it shrinks to is the slack in float64. It hides no wrong claim: a
defect that passes is at most `2e-6` of the round-off of float32.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from registry import cast

HELD, BROKEN, UNDECIDED, NO_RESULT = "held", "broken", "undecided", "no result"
VERDICTS = (HELD, BROKEN, UNDECIDED, NO_RESULT)

FACTOR = 1e3
"""Round-off of one float32 run may be small by luck, and other roundings act in float64."""

LARGEST = 1e-2
"""The largest slack, in units of what cancels, with which a defect is judged at all."""

TIGHT = 1e3
"""Units of last place, in float32, of a claim whose computation has nothing to amplify."""

SINGLE, DOUBLE = float(np.finfo(np.float32).eps), float(np.finfo(np.float64).eps)


class Claim(NamedTuple):
    """One claim of a subject.

    - `name`: of the tag or the bound; `defect(tree, t, x, h) -> (defect, (scale, size))`: zero
      where the claim is true; what it is small or large against; the size of the numbers that
      were rounded on the way to it.
    - `one_way`: it speaks of `h > 0` only; `sizes(tree)`: the steps to try in place of the usual.
    - `solves`: a solver stands behind it, whose failure is NaN by its own condition.
    - `tight`: nothing in the computation amplifies round-off.
    """

    name: str
    defect: Callable
    one_way: bool = False
    sizes: Callable | None = None
    solves: bool = False
    tight: bool = False


class Subject(NamedTuple):
    """What is judged: `tree` holds all arrays, `xs (n, ...)`, `ts (n,)` and `hs (m,)` the points.

    `value(tree, t, x, h)`: the map, whose size tells an overflow; `single`: whether the subject is
    used in float32.
    """

    tree: object
    claims: tuple[Claim, ...]
    value: Callable
    xs: np.ndarray
    ts: np.ndarray
    hs: np.ndarray
    single: bool


class Finding(NamedTuple):
    """The verdict on one claim with its worst point."""

    name: str
    verdict: str
    defect: float = 0.0
    slack: float = 0.0
    h: float = 0.0
    note: str = ""


def points(subject: Subject, hs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every state with every step."""
    count = len(subject.xs)
    index = np.tile(np.arange(count), len(hs))
    return subject.ts[index], subject.xs[index], np.repeat(hs, count)


@eqx.filter_jit
def _program(tree, claims, value, t, x, h):
    def one(t, x, h):
        found = {claim.name: claim.defect(tree, t, x, h) for claim in claims}
        return found, jnp.max(jnp.abs(value(tree, t, x, h)))

    return jax.vmap(one)(t, x, h)


def run(subject: Subject, claims, hs, dtype) -> tuple[dict, np.ndarray]:
    """`name -> (defects, scales)` at all points, and the sizes of the map's values."""
    arrays = [jnp.asarray(a, dtype) for a in points(subject, hs)]
    found, size = _program(cast(subject.tree, dtype), claims, subject.value, *arrays)
    return jax.tree.map(lambda a: np.asarray(a, np.float64), found), np.asarray(size, np.float64)


_OVERFLOW = 1e100  # a slack of this size: the state left the numbers within a step


def judge(subject: Subject) -> list[Finding]:
    """The verdicts on all claims; what is undecided is asked again in float64, then of smaller
    weights and steps.
    """
    subject = subject._replace(xs=_rounded(subject.xs), ts=_rounded(subject.ts))
    found = {}
    for tame in TAMER:
        open_names = [c.name for c in subject.claims if _open(found.get(c.name), c)]
        if open_names:
            for finding in _attempt(subject, tame, open_names):
                found[finding.name] = finding
    return [_last_word(found[c.name], c) for c in subject.claims if c.name in found]


def _open(finding: Finding | None, claim: Claim) -> bool:
    if finding is None or finding.verdict == UNDECIDED:
        return True
    return finding.verdict == NO_RESULT and not claim.solves


def _last_word(finding: Finding, claim: Claim) -> Finding:
    """Numbers that are never finite, at the smallest weights and steps and without a solver.

    Where the numbers that cancel are beyond `_OVERFLOW` they do not fit: that is no result.
    """
    overflows = _OVERFLOW < finding.slack < float("inf")
    if finding.verdict == NO_RESULT and not claim.solves and not overflows:
        return finding._replace(verdict=BROKEN, note=f"{finding.note}, small as it is")
    return finding


def _attempt(subject: Subject, tame: float, names) -> list[Finding]:
    tree = jax.tree.map(
        lambda leaf: tame * leaf if eqx.is_inexact_array(leaf) else leaf, subject.tree
    )
    tree = cast(cast(tree, jnp.float32), jnp.float64)
    tamed = subject._replace(tree=tree)
    groups: dict[tuple[float, ...], list[Claim]] = {}
    for claim in subject.claims:
        hs = tame * subject.hs if claim.sizes is None else claim.sizes(tree)
        hs = _rounded(hs[hs > 0] if claim.one_way else hs)
        groups.setdefault(tuple(map(float, hs)), []).append(claim)
    found = []
    for hs, claims in groups.items():
        asked = [claim for claim in claims if claim.name in names]
        if not hs or not asked:
            continue
        measured = [run(tamed, tuple(claims), np.array(hs), d) for d in _DTYPES]
        sizes = points(tamed, hs)[2]
        for claim in asked:
            finding = _decide(claim, measured, sizes, subject.single)
            if finding.verdict == UNDECIDED and subject.single:
                finding = _decide(claim, measured, sizes, False)
            found.append(finding)
    return found


TAMER = (1.0, 0.1, 0.01)
"""Factors of weights and steps with which an undecided claim is asked again."""

_DTYPES = (jnp.float32, jnp.float64)


def _rounded(array):
    """Numbers that float32 holds exactly."""
    return np.asarray(np.asarray(array, np.float32), np.float64)


def _decide(claim: Claim, measured, sizes, single: bool) -> Finding:
    """Point by point; the claim is broken at any, held where it is decided at most of them."""
    (coarse, _), (fine, values) = measured
    rough, (exact, (scale, size)) = coarse[claim.name][0], fine[claim.name]
    with np.errstate(all="ignore"):
        nothing = (exact == 0) & (scale == 0)  # weights of zero: nothing is there to be lost
        scale = np.where(nothing, 1, np.where(np.isfinite(scale) & (scale > 0), scale, np.nan))
        size = np.where(np.isfinite(size), np.fmax(size, scale), np.inf)
        # the worst of the states at the same step, since one may be lucky
        seen = (np.abs(rough - exact) / scale).reshape(len(set(sizes)), -1)
        seen = np.repeat(seen.max(axis=1), seen.shape[1]) * scale
        blind = ~(seen <= LARGEST * scale)  # float32 has lost its digits, or has no value
        noise = np.fmax(SINGLE * size, np.where(blind, 0, seen))
        slack = FACTOR * (DOUBLE / SINGLE) * noise
        sharp = slack <= LARGEST * scale
        held = (exact <= slack) & sharp
        lost = ~(np.isfinite(exact) & np.isfinite(scale))
        vague = ~held & ~lost & (blind | ~sharp)
        broken = ~held & ~vague & ~lost
        if single:
            limit = np.where(claim.tight, TIGHT * SINGLE, LARGEST) * scale
            bad = held & ~(rough <= limit)
            broken |= bad & claim.tight & np.isfinite(rough)
            vague |= bad & ~broken
        # a map that has a value, of which the oracle has none
        broken |= lost & (values < 1e30) & (not claim.solves)
        lost, held = lost & ~broken, held & ~broken & ~vague
        excess = np.where(np.isfinite(exact / scale), exact / scale, -1.0)
    state = [("broken", broken), ("vague", vague), ("lost", lost), ("held", held)]
    counts = {name: int(mask.sum()) for name, mask in state}
    note = " ".join(f"{name} {count}" for name, count in counts.items() if count)
    if counts["broken"]:
        return _finding(claim, BROKEN, broken, excess, exact, slack, sizes, note)
    if counts["lost"] == len(exact):
        return _finding(claim, NO_RESULT, lost, excess, exact, slack, sizes, f"{note} (not finite)")
    if counts["vague"] > counts["held"]:
        return _finding(claim, UNDECIDED, vague, excess, exact, slack, sizes, note)
    return _finding(claim, HELD, held, excess, exact, slack, sizes, note)


def _finding(claim, verdict, mask, excess, exact, slack, sizes, note) -> Finding:
    worst = int(np.argmax(np.where(mask, excess, -2.0)))
    numbers = (float(exact[worst]), float(slack[worst]), float(sizes[worst]))
    return Finding(claim.name, verdict, *numbers, note)
