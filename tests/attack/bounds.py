"""Rigorous bounds, attacked: the state that comes nearest to a bound is searched for uphill.

A bound of a float32 model is a statement about the map of its weights, so it is attacked in
float64 whatever the precision in which it was computed, with no slack but float64's own.
"""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from registry import cast

from dynnets.networks import AbstractNetwork

from .judge import BROKEN, DOUBLE, HELD, NO_RESULT, Finding

STARTS, CLIMBS = 24, 25


@eqx.filter_jit
def _climb(height, tree, xs):
    """The largest `height(tree, x)` met on the way up from `xs (n, d)`, steps of falling size."""

    def one(x):
        def body(x, reach):
            value, slope = jax.value_and_grad(lambda y: height(tree, y))(x)
            length = jnp.linalg.norm(slope)
            usable = jnp.isfinite(length) & (length > 0)
            way = jnp.where(usable, slope / jnp.where(usable, length, 1), 0)
            return x + reach * (jnp.linalg.norm(x) + 0.1) * way, value

        return jax.lax.scan(body, x, 0.5 * 0.8 ** jnp.arange(CLIMBS, dtype=x.dtype))[1].max()

    return jax.vmap(one)(xs)


def supremum(height: Callable, tree, dim: int, rng) -> float:
    """A lower bound of `sup_x height(tree, x)`: NaN where no value is finite."""
    sizes = 10.0 ** rng.uniform(-3, 3, (STARTS, 1))
    xs = rng.normal(size=(STARTS, dim)) * sizes
    xs[0] = 0
    values = np.asarray(_climb(height, cast(tree, jnp.float64), jnp.asarray(xs)))
    return float(values[np.isfinite(values)].max()) if np.isfinite(values).any() else float("nan")


def against(name: str, found: float, bound: float) -> Finding:
    """Whether a value that was found respects the bound, to a few units of float64."""
    slack = 256 * DOUBLE * abs(bound) + 1e-300
    if np.isnan(found) or np.isnan(bound):
        return Finding(name, NO_RESULT, found, slack, 0.0, f"bound {bound}")
    verdict = HELD if found <= bound + slack else BROKEN
    return Finding(name, verdict, max(found - bound, 0.0), slack, 0.0, f"{found} against {bound}")


def stretch(net, x):
    """The norm of the Jacobian of a map, by its largest singular value."""
    return jnp.linalg.norm(jax.jacfwd(net)(x), 2)


def far_ratio(net, dim: int, rng) -> float:
    """The largest `|net(x) - net(y)| / |x - y|` of pairs near and far."""
    sizes = 10.0 ** rng.uniform(-2, 3, (2, 64, 1))
    x, y = rng.normal(size=(2, 64, dim)) * sizes
    images = eqx.filter_jit(lambda n, z: jax.vmap(n)(z))(
        cast(net, jnp.float64), jnp.asarray(np.concatenate([x, y]))
    )
    first, second = np.split(np.asarray(images), 2)
    ratios = np.linalg.norm(first - second, axis=1) / np.linalg.norm(x - y, axis=1)
    return float(np.nanmax(ratios)) if np.isfinite(ratios).any() else float("nan")


def lipschitz_findings(net: AbstractNetwork, bound: float, dim: int, rng) -> list[Finding]:
    """A Lipschitz constant by slopes and by pairs; an infinite one claims nothing."""
    if np.isinf(bound):
        return []
    steepest = supremum(stretch, net, dim, rng)
    return [
        against("LIPSCHITZ by slopes", steepest, bound),
        against("LIPSCHITZ by pairs", far_ratio(net, dim, rng), bound * (1 + 1e-9)),
    ]


def averaged_findings(net: AbstractNetwork, alpha: float, dim: int, rng) -> list[Finding]:
    """`R = (net - (1 - alpha) I) / alpha` is 1-Lipschitz where `net` is `alpha`-averaged."""
    if not 0 < alpha < 1:
        return []

    def rest(net, x):
        slope = jax.jacfwd(net)(x)
        unit = jnp.eye(dim, dtype=x.dtype)
        return jnp.linalg.norm((slope - (1 - alpha) * unit) / alpha, 2)

    return [against("AVERAGED", supremum(rest, net, dim, rng), 1 + 1e-12 / alpha)]


def speed_finding(field, bound: float, dim: int, rng) -> Finding:
    """`|f(x)|` against a bound of the speed."""

    def speed(field, x):
        return jnp.linalg.norm(field(0.0, x) + jnp.finfo(x.dtype).tiny)

    return against("SPEED", supremum(speed, field, dim, rng), bound)


def range_finding(energy, width: float, dim: int, rng) -> Finding:
    """The width of the range of an energy, by the highest and the lowest value found."""
    high = supremum(lambda e, x: e(0.0, x), energy, dim, rng)
    low = -supremum(lambda e, x: -e(0.0, x), energy, dim, rng)
    return against("ENERGY RANGE", high - low, width)
