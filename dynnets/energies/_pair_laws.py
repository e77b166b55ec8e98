"""Laws of the energy of a pair of bodies as a function of their distance."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_positive
from dynnets.nn import MLP


class AbstractPairLaw(eqx.Module):
    """`phi(r)`: the energy of two bodies of unit mass (or charge) at the distance `r > 0`."""

    @abc.abstractmethod
    def __call__(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """`phi(r)`, elementwise."""

    @abc.abstractmethod
    def slope(self, r: Float[Array, "..."]) -> Float[Array, "..."]:
        """`dphi/dr`, elementwise: positive where the bodies attract each other."""


def local_exponent(law: AbstractPairLaw, r: Float[Array, "..."]) -> Float[Array, "..."]:
    """`a(r) = 1 + d log|phi'(r)| / d log r`: the power law that the *force* follows around `r`.

    For `phi = k r^a` it is `a` everywhere. Read from the force, since the energy itself is known
    only up to a constant. Cost: one directional derivative of the slope.
    """
    slope, bend = jax.jvp(law.slope, (r,), (jnp.ones_like(r),))
    return 1 + r * bend / slope


class PowerLaw(AbstractPairLaw):
    """`phi(r) = (k l / a) (r / l)^a`, the force `k (r / l)^(a-1)` drawing bodies together.

    Strength and exponent are learned. Gravity is `a = -1`, a spring `a = 2`. Written this way the
    force depends smoothly on the exponent and never changes its sign; the energy has no value
    at `a = 0`. `k` is the force at the distance `l`: with `l` amid the distances of the data the
    two parameters hardly disturb each other in training.

    **Arguments:** `strength` `k > 0` (its logarithm is stored), `exponent` `a`: scalar arrays;
    `length` `l > 0`: a number, not trained. Raises `ValueError` for a strength or a length that
    is not positive.
    """

    log_strength: Float[Array, ""]
    exponent: Float[Array, ""]
    length: float = eqx.field(static=True)

    def __init__(self, strength, exponent, length: float = 1.0):
        if not isinstance(strength, jax.core.Tracer):
            check_positive("strength", float(strength))
        check_positive("length", length)
        self.log_strength = jnp.log(jnp.asarray(strength))
        self.exponent = jnp.asarray(exponent)
        self.length = float(length)

    @property
    def strength(self) -> Float[Array, ""]:
        """`k`, the force of two unit masses at the distance `length`."""
        return jnp.exp(self.log_strength)

    def _power(self, r, exponent):
        return jnp.exp(self.log_strength + exponent * (jnp.log(r) - math.log(self.length)))

    def __call__(self, r):
        """`(k l / a) (r / l)^a`."""
        return self.length * self._power(r, self.exponent) / self.exponent

    def slope(self, r):
        """`k (r / l)^(a-1)`."""
        return self._power(r, self.exponent - 1)


class _LogDistanceNet(eqx.Module):
    """A scalar net of `u = log r`, scaled so that `[low, high]` becomes `[-1, 1]`."""

    net: MLP
    middle: float = eqx.field(static=True)
    half: float = eqx.field(static=True)

    def __call__(self, r):
        """The net and its derivative by `log r`, elementwise."""
        u = ((jnp.log(r) - self.middle) / self.half).reshape(1, -1)
        value, slope = self.net(u)[0], self.net.gradient(u)[0] / self.half
        return value.reshape(r.shape), slope.reshape(r.shape)


def _log_distance_net(low, high, width, depth, key, *, zero: bool) -> _LogDistanceNet:
    check_positive("low", low)
    check_positive("high", high)
    if high <= low:
        raise ValueError(f"the distances must increase, got low = {low}, high = {high}")
    net = MLP(1, 1, width, depth, final_bias=False, key=key)
    if zero:
        net = eqx.tree_at(lambda n: n.layers[-1][0], net, replace_fn=jnp.zeros_like)
    ends = [math.log(end) for end in (low, high)]
    return _LogDistanceNet(net, (ends[1] + ends[0]) / 2, (ends[1] - ends[0]) / 2)


class CorrectedPowerLaw(AbstractPairLaw):
    """`phi(r) = (k l / a) (r / l)^a exp(c(log r))`: a power law times a learned correction.

    The correction is a small net that starts at zero, so training starts from a pure power law
    and departs from it only as far as the data ask. It and the exponent can take over from each
    other: penalise `correction` and read the law by `local_exponent`.

    **Arguments:** `power`: the `PowerLaw` to start from; `low`, `high`: the distances between which
    the data lie (the net sees them as `[-1, 1]`; beyond, it flattens); `width`, `depth`, `key`: the
    arguments of the net. Raises `ValueError` unless `0 < low < high`.
    """

    power: PowerLaw
    net: _LogDistanceNet

    def __init__(
        self,
        power: PowerLaw,
        low: float,
        high: float,
        width: int = 8,
        depth: int = 1,
        *,
        key: PRNGKeyArray,
    ):
        self.power = power
        self.net = _log_distance_net(low, high, width, depth, key, zero=True)

    def correction(self, r):
        """`c(log r)`, elementwise; zero for a pure power law."""
        return self.net(r)[0]

    def __call__(self, r):
        """The power law times `exp(c)`."""
        return self.power(r) * jnp.exp(self.net(r)[0])

    def slope(self, r):
        """The slope of the power law times `exp(c) (1 + c' / a)`, `c' = dc / dlog r`."""
        c, dc = self.net(r)
        return self.power.slope(r) * jnp.exp(c) * (1 + dc / self.power.exponent)


class MLPLaw(AbstractPairLaw):
    """`phi(r) = s net(log r)`: a law without any form put into it.

    **Arguments:** `scale` `s > 0`: typical size of the energy, trained too; the rest as for
    `CorrectedPowerLaw`.
    """

    net: _LogDistanceNet
    log_scale: Float[Array, ""]

    def __init__(
        self,
        scale,
        low: float,
        high: float,
        width: int = 32,
        depth: int = 2,
        *,
        key: PRNGKeyArray,
    ):
        if not isinstance(scale, jax.core.Tracer):
            check_positive("scale", float(scale))
        self.net = _log_distance_net(low, high, width, depth, key, zero=False)
        self.log_scale = jnp.log(jnp.asarray(scale))

    def __call__(self, r):
        """`s net(log r)`."""
        return jnp.exp(self.log_scale) * self.net(r)[0]

    def slope(self, r):
        """`s net'(log r) / r`."""
        return jnp.exp(self.log_scale) * self.net(r)[1] / r


class FixedPowerLaw(AbstractPairLaw):
    """`phi(r) = (k / a) r^a` with a known exponent `a` and a learned strength `k > 0`.

    Newton's law is `a = -1`, the default. **Arguments:** `strength`: a scalar array; `exponent`:
    a number other than 0, not trained. Raises `ValueError` for a strength that is not positive
    and for the exponent 0.
    """

    log_strength: Float[Array, ""]
    exponent: float = eqx.field(static=True)

    def __init__(self, strength, exponent: float = -1.0):
        if not isinstance(strength, jax.core.Tracer):
            check_positive("strength", float(strength))
        if exponent == 0:
            raise ValueError("the exponent of a power law cannot be 0, got 0")
        self.log_strength = jnp.log(jnp.asarray(strength))
        self.exponent = float(exponent)

    @property
    def strength(self) -> Float[Array, ""]:
        """`k`."""
        return jnp.exp(self.log_strength)

    def __call__(self, r):
        """`(k / a) r^a`."""
        return self.strength * r**self.exponent / self.exponent

    def slope(self, r):
        """`k r^(a-1)`."""
        return self.strength * r ** (self.exponent - 1)
