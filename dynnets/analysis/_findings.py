"""What is found of fields, steps, maps and forecasts at given states, by the oracle of each tag."""

from collections.abc import Callable
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    NON_EXPANSIVE,
    NORM,
    ORTHOGONAL,
    POISSON,
    REVERSIBLE,
    SUM,
    SYMMETRIC,
    SYMPLECTIC,
    TAGS,
    VOLUME,
    Tag,
)
from dynnets.structure import (
    ROWS,
    return_cancellation,
    symplecticity_defect,
)

from ._sampled import Attempt, Finding, attempt, evaluation_finding, judge, rounding_of, worst_of

OF_THE_RECORD = frozenset({NORM, SUM, ORTHOGONAL, NON_EXPANSIVE})
"""Tags that speak of the numbers of a state themselves: a model in other units than those of its
training is measured by them as it is. The others are measured in the units of its training, in
which all components are of one size."""

_MECHANICAL = frozenset({SYMPLECTIC, VOLUME, ENERGY, MOMENTUM, DISSIPATIVE, SYMMETRIC, REVERSIBLE})
_INVARIANTS = frozenset({SYMPLECTIC, POISSON, VOLUME, NORM, SUM, ORTHOGONAL})
_ON_ONE_STATE = frozenset({ENERGY, MOMENTUM, DISSIPATIVE, REVERSIBLE})


def measured_only(family, claimed, shape: tuple[int, ...]) -> list[Tag]:
    """Tags that a map does not claim and that are worth a number.

    The invariants of the `family` (of the exact flow) that the map loses; and of mechanics, or of
    what claims nothing, the defects of the symplectic form and of volume, by which a structured
    model is told from one without structure. They mean nothing for other families.
    """
    tags = {tag for tag in _INVARIANTS if tag in family}
    if len(shape) == 1 and family <= _MECHANICAL:
        tags |= {VOLUME} if shape[0] % 2 else {VOLUME, SYMPLECTIC}
    return _sorted(tags - claimed)


def _lacking(tag: Tag, field, step=None) -> str:
    """What a claim can't be measured without and the class does not offer; empty for nothing."""
    if tag in (ENERGY, DISSIPATIVE) and field.energy is None:
        return "energy"
    if tag == POISSON and field.matrix is None:
        return "matrix"
    return "inverse" if tag == REVERSIBLE and step is not None and step.inverse is None else ""


def _unmeasurable(tag: Tag, what: str) -> Finding:
    text = f"it is claimed, but no {what} is offered to measure it by"
    return Finding(tag.name, float("inf"), text, False)


def _unless_lost(value, measured):
    """A defect counts as lost where the value that it belongs to is not finite."""
    defect, *sizes = measured
    return jnp.where(jnp.isfinite(value).all(), defect, jnp.nan), *sizes


def _sorted(tags) -> list[Tag]:
    return [tag for tag in TAGS if tag in tags]


def _measured_flow(field, args, tags, x):
    value = field(0.0, x, args)
    found = {
        tag.name: _unless_lost(value, cast(Callable, ROWS[tag].flow_oracle)(field, 0.0, x, args))
        for tag in tags
    }
    return found, jnp.isfinite(value).all()


def flow_findings(field, tags, xs: Float[Array, " n *state"], args: Any = None) -> list[Finding]:
    """The infinitesimal statement of each claimed tag, at each state and time zero."""
    eps = rounding_of(field, xs)
    tags = [tag for tag in _sorted(tags) if ROWS[tag].flow_oracle is not None]
    lacking = {tag: _lacking(tag, field) for tag in tags}
    able = tuple(tag for tag in tags if not lacking[tag])
    tried = attempt(eqx.Partial(_measured_flow, field, args, able), xs)
    found, finite = tried.values
    findings = evaluation_finding("FINITE", "the field", tried, finite == 1)
    for tag in tags:
        if lacking[tag]:
            findings.append(_unmeasurable(tag, lacking[tag]))
        else:
            statement = f"exact flow: {ROWS[tag].flow_defect}"
            defect, size = found[tag.name]
            findings.append(judge(tag.name, (defect, size, size), eps, statement, True))
    return findings


def _power(field, energy, args, x):
    return jnp.sum(energy.gradient(0.0, x) * field(0.0, x, args))


def power_finding(field, energy, xs, args: Any = None) -> Finding:
    """The power `dH/dt` that a model's energy takes in along a field that does not keep it."""
    tried = attempt(eqx.Partial(_power, field, energy, args), xs)
    text = "largest dH/dt of the model's energy along its field, without input"
    return Finding(DISSIPATIVE.name, worst_of(tried.values), text)


def _first_copy(step, field, t, x, h, args=None):
    """Symplecticity of the map of the first copy alone, for steps that act on two."""
    return symplecticity_defect(lambda y: step(field, t, y, h, args), x)


def _measured_step(step, field, h, args, tags, copies, x):
    value = step(field, 0.0, x, h, args)
    found: dict[str, Any] = {}
    for tag in tags:
        defect = ROWS[tag].oracle(step, field, 0.0, x, h, args)
        sizes = ROWS[tag].cancellation(step, field, 0.0, x, h, args)
        found[tag.name] = _unless_lost(value, (defect, *sizes))
    if copies:
        found["first copy"] = _first_copy(step, field, 0.0, x, h, args)
    return found, jnp.isfinite(value).all()


def step_findings(
    step, field, claimed, measured, xs: Float[Array, " n *state"], h: float, args: Any = None
) -> list[Finding]:
    """Defects of one step of size `h` from each state: of each claimed tag by its own oracle, and
    of the tags that are only `measured`.
    """
    eps = rounding_of((step, field), xs)
    tags = _sorted(set(claimed) | set(measured))
    lacking = {tag: _lacking(tag, field, step) for tag in tags}
    able = tuple(tag for tag in tags if not lacking[tag])
    doubled = step.on_pair is not None
    copies = doubled and SYMPLECTIC in tags
    # The size is an array: the program serves models of the same shapes in any unit of time.
    size = jnp.asarray(h, xs.dtype)
    tried = attempt(eqx.Partial(_measured_step, step, field, size, args, able, copies), xs)
    found, finite = tried.values
    findings = evaluation_finding("FINITE", f"one step of {h:.6g}", tried, finite == 1)
    for tag in tags:
        if lacking[tag]:
            findings.append(_unmeasurable(tag, lacking[tag]))
            continue
        pair = " on both copies" if doubled and tag not in _ON_ONE_STATE else ""
        statement = f"one step of {h:.6g}{pair}: {ROWS[tag].defect}"
        findings.append(judge(tag.name, found[tag.name], eps, statement, tag in claimed))
    if copies:
        text = f"one step of {h:.6g}, the first copy alone, for which nothing is claimed"
        findings.append(Finding(SYMPLECTIC.name, worst_of(found["first copy"]), text))
    return findings


def _measured_map(function, inverse, tags, x):
    value, found = function(x), {}
    for tag in tags:
        defect = ROWS[tag].map_defect
        if defect is not None:
            sizes = cast(Callable, ROWS[tag].map_cancellation)(function, x)
            found[tag.name] = _unless_lost(value, (defect(function, x), *sizes))
    if inverse is not None:
        error = jnp.abs(inverse(value) - x).max()
        sizes = return_cancellation(function, inverse, x)
        found[REVERSIBLE.name] = _unless_lost(value, (error, *sizes))
    return found, jnp.isfinite(value).all()


def map_findings(
    function: Callable, inverse: Callable | None, claimed, xs, eps: float, what: str
) -> list[Finding]:
    """Defects of a map of one state: of each claimed tag that a map decides, and of its inverse."""
    after = jax.eval_shape(function, xs[0]).shape
    square = after == xs.shape[1:]
    measured = measured_only(claimed, claimed, xs.shape[1:]) if square else []
    tags = [
        tag for tag in _sorted(set(claimed) | set(measured)) if ROWS[tag].map_defect is not None
    ]
    returns = REVERSIBLE in claimed and inverse is not None
    back = inverse if returns else None
    tried = attempt(eqx.Partial(_measured_map, function, back, tuple(tags)), xs)
    found, finite = tried.values
    findings = evaluation_finding("FINITE", what, tried, finite == 1)
    for tag in tags + [REVERSIBLE] * returns:
        statement = f"{what}: {ROWS[tag].defect}"
        findings.append(judge(tag.name, found[tag.name], eps, statement, tag in claimed))
    if REVERSIBLE in claimed and inverse is None:
        findings.append(_unmeasurable(REVERSIBLE, "inverse"))
    return findings


def _is_finite(function, x):
    return jnp.isfinite(function(x)).all()


def finite_findings(function: Callable, xs, what: str) -> list[Finding]:
    """Whether the values of a map are finite: all that half precision can tell."""
    tried = attempt(eqx.Partial(_is_finite, function), xs)
    return evaluation_finding("FINITE", what, tried, tried.values == 1)


def _forecast(model, energies, ts, args, x):
    path = model.predict(x, ts, args)
    changes = []
    for energy in energies:
        values = jax.vmap(energy)(ts, path)
        change = values - values[0]
        changes.append((jnp.abs(change).max(), change.max()))
    return jnp.isfinite(path).all(), changes


def forecast_findings(
    model, energies: dict[str, Any], xs: Float[Array, "n d"], h: float, steps: int, args: Any = None
) -> list[Finding]:
    """Forecasts of `steps` times `h` from each of `xs`: are they finite, how do energies move."""
    ts = jnp.arange(steps + 1, dtype=xs.dtype) * h
    followed = list(energies.values())
    tried: Attempt = attempt(eqx.Partial(_forecast, model, followed, ts, args), xs)
    finite, changes = tried.values
    lost = int(np.sum(finite != 1))
    span = f"over {steps} steps of {h:g}"
    text = f"forecasts, of {len(xs)}, that ceased to be finite {span}"
    text += f": {tried.reason}" if tried.failed else ""
    findings = [Finding("FINITE", float(lost), text, lost == 0)]
    for name, (change, rise) in zip(energies, changes, strict=True):
        what = f"of the {name} energy {span}"
        findings += [
            Finding("ENERGY DRIFT", worst_of(change), f"largest |change| {what}"),
            Finding("ENERGY RISE", worst_of(rise), f"largest rise {what}"),
        ]
    return findings
