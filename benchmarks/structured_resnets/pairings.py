"""Every family of fields under every step: the declared fate of each property, and the measured.

The declaration is `verdict(step, field, tag)`; measured are the property's defects at random
points and halving step sizes: their root mean square is round-off at all of them, or it falls
with a slope, that of the finest halving above the method's `resolved`. The same is asked of the
median over the points of each one's slope, which single points cannot mislead: where the leading
term of a defect crosses zero, or the field is steep, slopes are off by whole orders. Step sizes are
in units of `1 / L`, `L` the largest slope of the field at those points: random weights differ in it
by a factor of ten, and an order shows only where `h L` is small. A point at which a step has no
result at some size (a condition of the step: the root of its equation does not exist) is left out
and counted.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep, missing_parts
from dynnets.structure import (
    ENERGY,
    EXACT,
    NORM,
    ORDER,
    ORTHOGONAL,
    POISSON,
    ROWS,
    SUM,
    SYMPLECTIC,
    VOLUME,
    Tag,
    verdict,
)

MEASURED = (VOLUME, SYMPLECTIC, POISSON, NORM, SUM, ORTHOGONAL, ENERGY)
POINTS = 64
ROUND_OFF = 1e-12
SLOPE_SLACK = 0.25


class Family(NamedTuple):
    """A family: `make(key)` draws a field; `shape` of its state; steps need it as it is."""

    name: str
    make: Callable
    shape: tuple[int, ...]


class Method(NamedTuple):
    """A step by its `label`; `sizes`: values of `h L`, halved from one to the `stride`-th next.

    It is meant for fields that keep `only`, where that is not `None`. `resolved`: a defect below it
    may be round-off, which measures 1e-16 to 5e-16. Methods of high order fall from coarse to
    round-off within few halvings: they need sizes between these, and all digits.
    """

    label: str
    step: AbstractStep
    sizes: tuple[float, ...]
    only: Tag | None = None
    stride: int = 1
    resolved: float = 1e-13


class Cell(NamedTuple):
    """One property of one family under one step: declared and measured over the seeds.

    `slopes`: of the root mean square over the points, one a seed; `medians`: of the slopes of the
    points; `agrees`, `typically`: whether they are as declared. `largest`: root mean square of
    the worst seed and step size. `without`: how many points had no result.
    """

    family: str
    step: str
    tag: str
    declared: str
    slopes: tuple[float, ...]
    largest: float
    agrees: bool
    medians: tuple[float, ...]
    typically: bool
    without: int


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


def cells(families, methods, seeds, *, points: int = POINTS) -> list[Cell]:
    """Every cell of the table: each method on each family that offers the parts it needs."""
    found = []
    for family in families:
        field = family.make(jr.key(0))
        tags = [tag for tag in MEASURED if tag in field.structure]
        for method in methods:
            if missing_parts(method.step, field) or not (
                method.only is None or method.only in field.structure
            ):
                continue
            measure = _measurement(method.step, tags)
            measured = [_defects(measure, family, method.sizes, seed, points) for seed in seeds]
            for i, tag in enumerate(tags):
                found.append(_cell(family, method, field, tag, [m[i] for m in measured]))
    return found


def _measurement(step: AbstractStep, tags: list[Tag]):
    """`measure(field, xs, h)`: the size of each tag's defect at each point; compiled once."""

    @eqx.filter_jit
    def measure(field, xs, h):
        def one(x):
            return jnp.stack([ROWS[tag].oracle(step, field, 0.0, x, h) for tag in tags])

        return jnp.abs(jax.vmap(one, out_axes=1)(xs))

    return measure


@eqx.filter_jit
def _steepest(field, xs):
    """The largest spectral norm of the field's Jacobian at the points."""

    def norm(x):
        jacobian = jax.jacfwd(lambda y: field(0.0, y))(x)
        return jnp.linalg.norm(jacobian.reshape(x.size, x.size), 2)

    return jax.vmap(norm)(xs).max()


def _defects(measure, family, sizes, seed: int, points: int):
    """The defects for the weights and points of one seed, `(tags, points, sizes)`."""
    draw, place = jr.split(jr.key(seed))
    field = family.make(draw)
    xs = jr.normal(place, (points, *family.shape))
    unit = 1 / _steepest(field, xs)
    return np.stack([np.asarray(measure(field, xs, size * unit)) for size in sizes], axis=-1)


def _slope(method: Method, defects) -> float:
    """Of the finest halving of `defects (sizes,)` above round-off; not a number without any."""
    halved = defects[method.stride :]
    resolved = np.flatnonzero(halved >= method.resolved)
    if not resolved.size:
        return np.nan
    return float(np.log2(defects[resolved[-1]] / halved[resolved[-1]]))


def _median_slope(method: Method, defects) -> float:
    """The median over those of `defects (points, sizes)` that show a slope."""
    slopes = (_slope(method, one) for one in defects)
    found = [slope for slope in slopes if np.isfinite(slope)]
    return float(np.median(found)) if found else np.nan


def _cell(family, method, field, tag, measured) -> Cell:
    declared = verdict(method.step, field, tag)
    with_result = [each[np.isfinite(each).all(axis=1)] for each in measured]
    means = np.stack([np.sqrt((each**2).mean(axis=0)) for each in with_result])
    slopes, largest = tuple(_slope(method, mean) for mean in means), float(means.max())
    medians = tuple(_median_slope(method, each) for each in with_result)
    without = sum(len(each) - len(kept) for each, kept in zip(measured, with_result, strict=True))
    if declared.status == ORDER:
        words = f"O({declared.order})"
        close = [np.abs(np.array(s) - declared.order - 1) <= SLOPE_SLACK for s in (slopes, medians)]
        agrees, typically = (bool(each.all()) for each in close)
    else:
        exact = declared.status == EXACT
        words = "exact" if exact else declared.status
        agrees = typically = (largest <= ROUND_OFF) == exact
    name = family.name, method.label, tag.name, words
    return Cell(*name, slopes, largest, agrees, medians, typically, without)
