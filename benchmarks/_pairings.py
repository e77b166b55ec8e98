"""Every family of fields under every step: the declared fate of each property, and the measured.

The declaration is `verdict(step, field, tag)`; the measurement is the root mean square of the
property's defect over random points at three step sizes: zero to round-off, or a fitted slope.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from dynnets._core import (
    ENERGY,
    MASS,
    NORM,
    ORTHOGONAL,
    POISSON,
    SYMPLECTIC,
    VOLUME,
    AbstractField,
    Tag,
)
from dynnets.analysis import ORACLES
from dynnets.integrators import EXACT, ORDER, missing_parts, step_info, verdict

MEASURED = (VOLUME, SYMPLECTIC, POISSON, NORM, MASS, ORTHOGONAL, ENERGY)
POINTS = 64
ROUND_OFF = 1e-12
SLOPE_SLACK = 0.25


class Family(NamedTuple):
    """A family: `make(key)` draws a field; `shape` of its state; steps need it as it is."""

    name: str
    make: Callable
    shape: tuple[int, ...]


class Cell(NamedTuple):
    """One property of one family under one step: declared and measured over the seeds."""

    family: str
    step: str
    tag: str
    declared: str
    slopes: tuple[float, ...]
    largest: float
    agrees: bool


class CirculatingFlow(AbstractField):
    """`x_i' = a_i sin x_{i+1} + b_i cos x_{i+2}` in three dimensions (the ABC flow).

    Its divergence is zero, yet it is neither Hamiltonian nor a sum of two shears; it is a sum of
    three shears, one per component.
    """

    a: jax.Array
    b: jax.Array

    @property
    def structure(self):
        """`{VOLUME}`."""
        return frozenset({VOLUME})

    def _rate(self, i, x):
        j, k = (i + 1) % 3, (i + 2) % 3
        return self.a[i] * jnp.sin(x[j]) + self.b[i] * jnp.cos(x[k])

    def __call__(self, t, x, args=None):
        """The rates of the three components."""
        return jnp.stack([self._rate(i, x) for i in range(3)])

    @property
    def flows(self):
        """Three shears."""

        def shear(i):
            return lambda t, x, h, args=None: x.at[i].add(h * self._rate(i, x))

        return tuple(shear(i) for i in range(3))


def circulating_flow(key):
    """A `CirculatingFlow`; its arrays are drawn by `normal_weights`."""
    a, b = jr.split(key)
    return CirculatingFlow(jr.normal(a, (3,)), jr.normal(b, (3,)))


def normal_weights(field, key):
    """The field with every floating-point array drawn from a standard normal distribution."""
    leaves, treedef = jax.tree.flatten(field)
    keys = jr.split(key, len(leaves))
    drawn = [
        jr.normal(k, leaf.shape, leaf.dtype) if eqx.is_inexact_array(leaf) else leaf
        for k, leaf in zip(keys, leaves, strict=True)
    ]
    return jax.tree.unflatten(treedef, drawn)


def cells(families, steps, seeds, *, points: int = POINTS) -> list[Cell]:
    """Every cell of the table; `steps`: pairs `(step, three step sizes, halving)`."""
    found = []
    for family in families:
        for step, widths in steps:
            field = family.make(jr.key(0))
            if missing_parts(step, field) or not _suits(step, field):
                continue
            tags = [tag for tag in MEASURED if tag in field.structure]
            measure = _measurement(step, tags)
            measured = [_defects(measure, family, widths, seed, points) for seed in seeds]
            for i, tag in enumerate(tags):
                found.append(_cell(family, step, field, tag, [m[i] for m in measured], widths))
    return found


def _suits(step, field) -> bool:
    """Whether the step takes the field at all (some ask for more than parts)."""
    try:
        tag = next(iter(field.structure))
        verdict(step, field, tag)
    except ValueError:
        return False
    return True


def _measurement(step, tags: list[Tag]):
    """`measure(field, xs, h)`: root mean square of each tag's defect; compiled once."""

    @eqx.filter_jit
    def measure(field, xs, h):
        def one(x):
            return jnp.stack([ORACLES[tag](step, field, 0.0, x, h) for tag in tags])

        return jnp.sqrt(jnp.mean(jax.vmap(one)(xs) ** 2, axis=0))

    return measure


def _defects(measure, family, widths, seed: int, points: int):
    """The defects at each step size for the weights and points of one seed, `(tags, widths)`."""
    draw, place = jr.split(jr.key(seed))
    field = family.make(draw)
    xs = jr.normal(place, (points, *family.shape))
    return np.stack([np.asarray(measure(field, xs, jnp.asarray(h))) for h in widths], axis=1)


def _cell(family, step, field, tag, measured, widths) -> Cell:
    declared = verdict(step, field, tag)
    defects = np.stack(measured)
    ratio = math.log2(widths[-2] / widths[-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = np.log2(defects[:, -2] / defects[:, -1]) / ratio
    largest = float(defects.max())
    if declared.status == EXACT:
        words, agrees = "exact", largest <= ROUND_OFF
    elif declared.status == ORDER:
        words = f"O({declared.order})"
        agrees = bool((np.abs(slopes - (declared.order + 1)) <= SLOPE_SLACK).all())
    else:
        words, agrees = declared.status, largest > ROUND_OFF
    name = step_info(step).name
    return Cell(family.name, name, tag.name, words, tuple(map(float, slopes)), largest, agrees)
