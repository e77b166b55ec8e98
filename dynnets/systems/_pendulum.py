"""The simple pendulum, with its closed form in Jacobi's elliptic functions."""

import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._elliptic import jacobi, landen
from ._energies import GivenKinetic
from ._parameters import Number, check_parameters, check_range
from ._sampling import ring


class PendulumPotential(AbstractEnergy):
    """`V(q) = a (1 - cos q)`, zero at the lowest point."""

    strength: Number

    def __call__(self, t, q):
        """`V(q)`, as `2 a sin^2(q / 2)`, which keeps its digits at small angles."""
        return jnp.sum(2 * self.strength * jnp.sin(q / 2) ** 2, axis=0)

    def gradient(self, t, q):
        """`a sin q`."""
        return self.strength * jnp.sin(q)


def advance_pendulum(tau, q, rate):
    """Solve `q'' = -sin q` exactly: angle and rate after the time `tau`.

    With `s = sin(q/2)`, `y = q'/2`, `d = cos(q/2)` and `m = s^2 + y^2` (energy / 2), addition
    theorems carry `(s, y, d)` by `v = tau`: only `sn, cn, dn(v | m)` are needed, no inverse
    function. For `m > 1` (rotation) the reciprocal parameter is used. The angle is continuous
    in `tau` (whole turns are counted), not wrapped.

    Valid for every state; within round-off of the separatrix `m = 1` the complementary
    parameter is held at the square of round-off, which keeps the result finite.

    **Arguments:** `tau`: time in units of `sqrt(length / gravity)`; `q`, `rate`: any one shape.
    Error: a few units of round-off times `max(1, |tau|)`.
    """
    s, d, y = jnp.sin(q / 2), jnp.cos(q / 2), rate / 2
    m = s**2 + y**2
    tiny = jnp.finfo(m.dtype).eps ** 2
    gap = (jnp.abs(d) - jnp.abs(y)) * (jnp.abs(d) + jnp.abs(y))  # 1 - m, without cancellation
    rotates = gap < 0
    whole = jnp.where(rotates, m, 1.0)
    root = jnp.sqrt(whole)
    parameter = jnp.where(rotates, 1 / whole, m)
    complement = jnp.maximum(jnp.abs(gap) / whole, tiny)
    v = root * tau
    mean, ratios = landen(complement)
    period = jnp.where(rotates, jnp.pi / mean, 2 * jnp.pi / mean)
    turns = jnp.round(v / period)
    sn, cn, dn = jacobi(v - turns * period, parameter, complement, mean, ratios)
    cn, dn = jnp.where(rotates, dn, cn), jnp.where(rotates, cn, dn)
    sn = sn / root
    below = 1 - (s * sn) ** 2
    s_new = (s * cn * dn + sn * y * d) / below
    d_new = (d * dn - s * y * sn * cn) / below
    y_new = (y * cn - s * d * sn * dn) / below
    turned = jnp.where(rotates, 2 * jnp.pi * turns * jnp.sign(y), 0.0)  # a period is one turn
    moved = 2 * jnp.arctan2(s_new * d - d_new * s, d_new * d + s_new * s)
    return q + moved + turned, 2 * y_new


class Pendulum(AbstractSystem):
    """`H = p^2 / (2 m l^2) + m g l (1 - cos q)`; `q` the angle from the lowest point (rad).

    **Arguments:** `mass` `m` (kg), `length` `l` (m), `gravity` `g` (m/s^2), positive; `radius`:
    the range of `|(q, p)|` of sampled states. `Pendulum(mass=0.5, length=1.0, gravity=6.0)` is
    `H = 3 (1 - cos q) + p^2` of Greydanus et al., Hamiltonian Neural Networks, 2019,
    arXiv:1906.01563, whose radii are the default. Raises `ValueError` for a parameter that is
    not positive.
    """

    mass: Number = 1.0
    length: Number = 1.0
    gravity: Number = 1.0
    radius: tuple[Number, Number] = (1.3, 2.3)

    def __check_init__(self):
        check_parameters(self, "mass", "length", "gravity")
        check_range("radius", self.radius, 0.0)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def inertia(self):
        """`m l^2`: momentum over angular velocity."""
        return self.mass * self.length**2

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / (m l^2), -m g l sin q)`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            GivenKinetic((self.inertia,)),
            PendulumPotential(self.mass * self.gravity * self.length),
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """A state of the ring `radius` in the plane `(q, p)`, every direction alike."""
        return ring(key, self.radius)

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2,)` or `(2, N)` at time zero.

        Swinging and rotating alike; the angle is continuous, not wrapped. See
        `advance_pendulum` for the method and its error.
        """
        q, p = split_phase(x0)
        frequency = (self.gravity / self.length) ** 0.5
        scale = self.inertia * frequency
        q, rate = advance_pendulum(frequency * t, q, p / scale)
        return join_phase(q, scale * rate)
