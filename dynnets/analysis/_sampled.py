"""Worst cases found by trying: each is a lower bound of the true worst case, never a proof."""

from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import (
    DISSIPATIVE,
    ENERGY,
    MOMENTUM,
    POISSON,
    REVERSIBLE,
    SYMMETRIC,
    SYMPLECTIC,
    VOLUME,
    check_finite,
    check_size,
)
from dynnets.models import energy_rate
from dynnets.structure import ROWS, symplecticity_defect

# Round-off of a defect: 1e4 units of last place of the numbers that cancel, see `Finding`.
_ROUNDING = 1e4


class Finding(NamedTuple):
    """`worst` value found, the `slack` that round-off explains, what was measured, and whether
    the model claims that it is zero.
    """

    name: str
    worst: float
    slack: float
    statement: str
    claimed: bool


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


def round_off(xs, function) -> float:
    """What round-off explains of a defect of `function` at the states `xs`: 1e4 units of last
    place of the largest numbers that cancel in it.
    """
    slopes = jax.vmap(jax.jacfwd(function))(xs)
    size = jnp.maximum(jnp.abs(slopes).max() ** 2, jnp.abs(xs).max())
    return _ROUNDING * float(jnp.finfo(xs.dtype).eps) * max(float(size), 1.0)


def worst_of(values: Array) -> float:
    """The largest value; infinite as soon as one is not finite."""
    found = np.asarray(values)
    return float(found.max()) if np.isfinite(found).all() else float("inf")


@eqx.filter_jit
def _defects(oracles, step, field, xs, h, args):
    """Every oracle at every state, and the size of the numbers that cancel: at least one."""
    found = {
        name: jax.vmap(lambda x, oracle=oracle: oracle(step, field, 0.0, x, h, args))(xs)
        for name, oracle in oracles.items()
    }
    slopes = jax.vmap(jax.jacfwd(lambda y: step(field, 0.0, y, h, args)))(xs)
    size = jnp.maximum(jnp.abs(slopes).max() ** 2, jnp.abs(xs).max())
    return found, jnp.maximum(size, 1)


def _knows_bodies(field) -> bool:
    """Whether the total momentum can be told from a state of this field."""
    return field.momentum is not None


def _first_copy(step, field, t, x, h, args=None):
    """Symplecticity of the map of the first copy alone, for steps that act on two."""
    return symplecticity_defect(lambda y: step(field, t, y, h, args), x)


def step_findings(
    step, field, tags, xs: Float[Array, "n d"], h: float, args: Any = None
) -> list[Finding]:
    """Defects of one step of width `h` from each of `xs`, by the oracle of each tag.

    Volume, symplecticity in even dimension, and the bracket of a field with a `matrix` are
    measured for every model, claimed or not: the size of a defect is what tells a structured
    model from one without structure.
    """
    doubled = step.on_pair is not None
    measured = [VOLUME] if xs.shape[1] % 2 else [SYMPLECTIC, VOLUME]
    measured += [POISSON] if field.matrix is not None else []
    measured += [MOMENTUM] if MOMENTUM in tags and _knows_bodies(field) else []
    measured += [tag for tag in (SYMMETRIC, REVERSIBLE) if tag in tags]
    oracles = {tag.name: ROWS[tag].oracle for tag in measured}
    if doubled:
        oracles["first copy"] = _first_copy
    found, scale = _defects(oracles, step, field, xs, h, args)
    slack = _ROUNDING * float(jnp.finfo(xs.dtype).eps) * float(scale)
    findings = []
    for tag in measured:
        pair = " on both copies" if doubled and tag is not MOMENTUM else ""
        statement = f"one step of {h:g}{pair}: {ROWS[tag].defect}"
        size = max(1.0, float(jnp.abs(cast(Array, field.matrix)).max())) if tag is POISSON else 1.0
        worst = worst_of(found[tag.name])
        findings.append(Finding(tag.name, worst, size * slack, statement, tag in tags))
    if doubled:
        statement = f"one step of {h:g}, the first copy alone, for which nothing is claimed"
        worst = worst_of(found["first copy"])
        findings.append(Finding(SYMPLECTIC.name, worst, slack, statement, False))
    return findings


@eqx.filter_jit
def _power(model, xs, args):
    """`dH/dt` at every state, and the size of the products that cancel in it."""
    steep = jnp.linalg.norm(model.energy.gradient(0.0, xs.T), axis=0)
    speed = jnp.linalg.norm(model.field(0.0, xs.T, args), axis=0)
    return energy_rate(model, 0.0, xs.T, args), jnp.max(steep * speed)


def power_findings(model, tags, xs: Float[Array, "n d"], args: Any = None) -> list[Finding]:
    """`dH/dt = grad H . f` of the learned field at each of `xs`, without input."""
    if model.energy is None:
        return []
    power, size = _power(model, xs, args)
    slack = _ROUNDING * float(jnp.finfo(xs.dtype).eps) * float(size)
    if ENERGY in tags:
        statement = "|dH/dt| of the model's energy along its field"
        return [Finding(ENERGY.name, worst_of(jnp.abs(power)), slack, statement, True)]
    statement = "largest dH/dt of the model's energy along its field, without input"
    return [Finding(DISSIPATIVE.name, worst_of(power), slack, statement, DISSIPATIVE in tags)]


@eqx.filter_jit
def _forecasts(model, energies, xs, ts, args):
    """How many forecasts ceased to be finite; for each energy its largest change and rise."""
    paths = jax.vmap(lambda x: model.predict(x, ts, args))(xs)
    changes = []
    for energy in energies:
        values = jax.vmap(lambda path, energy=energy: jax.vmap(energy)(ts, path))(paths)
        change = values - values[:, :1]
        changes.append((jnp.abs(change).max(), change.max()))
    return jnp.sum(~jnp.isfinite(paths).all(axis=(1, 2))), changes


def forecast_findings(
    model, energies: dict[str, Any], xs: Float[Array, "n d"], h: float, steps: int, args: Any = None
) -> list[Finding]:
    """Forecasts of `steps` times `h` from each of `xs`: are they finite, how do energies move."""
    ts = jnp.arange(steps + 1, dtype=xs.dtype) * h
    lost, changes = _forecasts(model, list(energies.values()), xs, ts, args)
    span = f"over {steps} steps of {h:g}"
    text = f"forecasts, of {len(xs)}, that ceased to be finite {span}"
    findings = [Finding("FINITE", float(lost), 0.0, text, True)]
    for name, (change, rise) in zip(energies, changes, strict=True):
        what = f"of the {name} energy {span}"
        findings += [
            Finding("ENERGY DRIFT", worst_of(change), 0.0, f"largest |change| {what}", False),
            Finding("ENERGY RISE", worst_of(rise), 0.0, f"largest rise {what}", False),
        ]
    return findings
