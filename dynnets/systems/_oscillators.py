"""The damped and the forced oscillator, with their closed forms."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import SYMPLECTIC, VOLUME, join_phase, split_phase
from dynnets.energies import SeparableEnergy
from dynnets.fields import AbstractDamping, AbstractField, PortHamiltonianField, input_at

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, SpringPotential
from ._parameters import Number, check_not_negative, check_parameters, check_range
from ._sampling import ring


class LinearDamping(AbstractDamping):
    """`D = c I`: friction in proportion to the velocity, the same everywhere."""

    rate: Number

    def matrix(self, q):
        """`c I`."""
        return self.rate * jnp.eye(q.shape[0], dtype=q.dtype)

    def __call__(self, q, velocity):
        """`c dH/dp`."""
        return self.rate * velocity


def _friction(rate) -> LinearDamping | None:
    """The damping of the given rate; none at all when the rate is known to be zero."""
    return None if not isinstance(rate, jax.core.Tracer) and rate == 0 else LinearDamping(rate)


def damped_response(t, decay, frequency):
    """The two solutions of `x'' + 2 a x' + w^2 x = 0` that start as `(1, -a)` and `(0, 1)`.

    `e^{-a t} cos(s t)` and `e^{-a t} sin(s t) / s` with `s^2 = w^2 - a^2`, their hyperbolic forms
    for strong damping, written so that neither overflows nor cancels, and their common limit
    `e^{-a t}`, `t e^{-a t}` at critical damping.
    """
    weak = frequency >= decay
    root = jnp.sqrt(jnp.abs(frequency - decay) * (frequency + decay))
    fade = jnp.exp(-decay * t)
    # exp(-(a - s) t) (1 +- exp(-2 s t)) / 2; a - s = w^2 / (a + s) does not cancel.
    slow = jnp.exp(-(frequency**2) / (decay + root) * t)
    even = jnp.where(weak, fade * jnp.cos(root * t), slow * (1 + jnp.exp(-2 * root * t)) / 2)
    still = root * jnp.abs(t) < 1e-30
    safe = jnp.where(still, 1.0, root)
    odd = jnp.where(weak, fade * jnp.sin(root * t), -slow * jnp.expm1(-2 * root * t) / 2) / safe
    return even, jnp.where(still, fade * t, odd)


def _free_motion(t, q, velocity, decay, frequency):
    """Place and velocity after `t` without force."""
    even, odd = damped_response(t, decay, frequency)
    place = q * even + (velocity + decay * q) * odd
    return place, velocity * even - (frequency**2 * q + decay * velocity) * odd


class DampedOscillator(AbstractSystem):
    """`q' = p / m`, `p' = -k q - c p / m`; energy `H = p^2 / (2 m) + k q^2 / 2` falls as
    `dH/dt = -c (p / m)^2`. State `(q, p)`.

    **Arguments:** `stiffness` `k`, `mass` `m`, positive; `damping` `c`, not negative (critical
    at `2 sqrt(k m)`); `radius`: the range of `|(q, p)|` of sampled states. Raises `ValueError`
    outside of these.
    """

    stiffness: Number = 1.0
    mass: Number = 1.0
    damping: Number = 0.1
    radius: tuple[Number, Number] = (0.1, 1.0)

    def __check_init__(self):
        check_parameters(self, "stiffness", "mass")
        check_not_negative(self, "damping")
        check_range("radius", self.radius, 0.0)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def energy(self) -> SeparableEnergy:
        """`H`, which the damping takes from."""
        return SeparableEnergy(GivenKinetic((self.mass,)), SpringPotential(self.stiffness))

    @property
    def field(self) -> PortHamiltonianField:
        """`(J - R) grad H` with `R = diag(0, c)`; offers `energy`."""
        return PortHamiltonianField(self.energy, _friction(self.damping))

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """A state of the ring `radius`, every direction alike."""
        return ring(key, self.radius)

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2,)` or `(2, N)` at time zero.

        Weak, critical and strong damping alike.
        """
        q, p = split_phase(x0)
        decay, frequency = self.damping / (2 * self.mass), (self.stiffness / self.mass) ** 0.5
        place, velocity = _free_motion(t, q, p / self.mass, decay, frequency)
        return join_phase(place, self.mass * velocity)


class ForcedField(AbstractField):
    """A port-Hamiltonian field of one degree of freedom with the force `F cos(W t) + u(t)`.

    **Arguments:** `free`: the field without force; `amplitude` `F`, `frequency` `W`.
    `u` comes through `args`, shape `(1,)`, see `input_at`.
    """

    free: PortHamiltonianField
    amplitude: Number
    frequency: Number
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME}` without damping (the force does not depend on the state)."""
        return frozenset({SYMPLECTIC, VOLUME}) if self.free.damping is None else frozenset()

    @property
    def energy(self):
        """The energy of the free oscillator; the force changes it."""
        return self.free.energy

    def __call__(self, t, x, args=None):
        """`(J - R) grad H + (0, F cos(W t) + u(t))`."""
        rate, force = split_phase(self.free(t, x))
        force = force + self.amplitude * jnp.cos(self.frequency * t)
        u = input_at(t, args)
        if u is not None:
            force = force + u.reshape(u.shape + (1,) * (force.ndim - u.ndim))
        return join_phase(rate, force)


class ForcedOscillator(AbstractSystem):
    """`q' = p / m`, `p' = -k q - c p / m + F cos(W t) + u(t)`; state `(q, p)`.

    **Arguments:** `stiffness` `k`, `mass` `m`, positive; `damping` `c`, `amplitude` `F` and
    `frequency` `W` (rad per unit of time), not negative; `radius`: the range of `|(q, p)|` of
    sampled states. A further input `u` comes through the `args` of `field`. Raises
    `ValueError` outside of these.
    """

    stiffness: Number = 1.0
    mass: Number = 1.0
    damping: Number = 0.1
    amplitude: Number = 1.0
    frequency: Number = 0.7
    radius: tuple[Number, Number] = (0.1, 1.0)

    def __check_init__(self):
        check_parameters(self, "stiffness", "mass")
        check_not_negative(self, "damping", "amplitude", "frequency")
        check_range("radius", self.radius, 0.0)

    @property
    def dim(self) -> int:
        """2."""
        return 2

    @property
    def energy(self) -> SeparableEnergy:
        """`p^2 / (2 m) + k q^2 / 2`; damping and force change it."""
        return SeparableEnergy(GivenKinetic((self.mass,)), SpringPotential(self.stiffness))

    @property
    def field(self) -> ForcedField:
        """The damped oscillator under `F cos(W t)` and the input `u` of `args`."""
        free = PortHamiltonianField(self.energy, _friction(self.damping))
        return ForcedField(free, self.amplitude, self.frequency)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " 2"]:
        """A state of the ring `radius`, every direction alike."""
        return ring(key, self.radius)

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2,)` or `(2, N)` at time zero, `u = 0`.

        The steady oscillation plus the free motion of the rest. Raises `ValueError` for the
        undamped oscillator forced at its own frequency, which has no steady oscillation.
        """
        q, p = split_phase(x0)
        decay, natural = self.damping / (2 * self.mass), (self.stiffness / self.mass) ** 0.5
        gap = self.stiffness - self.mass * self.frequency**2
        drag = self.damping * self.frequency
        size = gap**2 + drag**2
        if not isinstance(size, jax.core.Tracer) and size == 0:
            raise ValueError(
                f"no steady oscillation: undamped and forced at its own frequency {self.frequency}"
            )
        along, behind = self.amplitude * gap / size, self.amplitude * drag / size
        cos, sin = jnp.cos(self.frequency * t), jnp.sin(self.frequency * t)
        velocity = p / self.mass - self.frequency * behind
        place, velocity = _free_motion(t, q - along, velocity, decay, natural)
        return join_phase(
            place + along * cos + behind * sin,
            self.mass * (velocity + self.frequency * (behind * cos - along * sin)),
        )
