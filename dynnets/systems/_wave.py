"""Wave equations on a periodic lattice: linear, sine-Gordon and phi-four."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import (
    ENERGY,
    SYMPLECTIC,
    VOLUME,
    check_choice,
    check_size,
    join_phase,
    split_phase,
)
from dynnets.energies import AbstractEnergy, SeparableEnergy
from dynnets.fields import AbstractField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, column
from ._parameters import Number, check_not_negative, check_parameters
from ._spectral import scale_modes, smooth_profile

_FORCES = {
    "linear": (jnp.zeros_like, jnp.zeros_like),
    "sine_gordon": (lambda u: 2 * jnp.sin(u / 2) ** 2, jnp.sin),
    "phi4": (lambda u: (u**2 - 1) ** 2 / 4, lambda u: u * (u**2 - 1)),
}
"""Of each equation the potential `W(u)` and its slope."""


class WavePotential(AbstractEnergy):
    """`V(q) = sum_j (c / h)^2 (q_{j+1} - q_j)^2 / 2 + h W(u_j)`, `q = sqrt(h) u`, on a ring."""

    force: str = eqx.field(static=True)
    speed: Number
    length: Number

    def _spacing(self, q):
        return self.length / q.shape[0]

    def on_site(self, q):
        """The gradient of the terms `h W(u_j)` alone: `sqrt(h) W'(u)`."""
        root = self._spacing(q) ** 0.5
        return root * _FORCES[self.force][1](q / root)

    def __call__(self, t, q):
        """`V(q)`."""
        h = self._spacing(q)
        bond = jnp.sum((self.speed / h * (jnp.roll(q, -1, axis=0) - q)) ** 2, axis=0) / 2
        return bond + h * jnp.sum(_FORCES[self.force][0](q / h**0.5), axis=0)

    def gradient(self, t, q):
        """`(c / h)^2 (2 q_j - q_{j+1} - q_{j-1}) + sqrt(h) W'(u_j)`."""
        bend = 2 * q - jnp.roll(q, 1, axis=0) - jnp.roll(q, -1, axis=0)
        return (self.speed / self._spacing(q)) ** 2 * bend + self.on_site(q)


def advance_waves(t, x, stiffness):
    """The exact motion of `q_j'' = s (q_{j+1} - 2 q_j + q_{j-1})` on a ring over the time `t`.

    Every Fourier mode is a harmonic oscillator of frequency `2 sqrt(s) sin(pi k / n)`.
    """
    q, p = split_phase(x)
    n = q.shape[0]
    bend = column(2 * np.sin(np.pi * np.arange(n // 2 + 1) / n), q)
    frequency = stiffness**0.5 * bend
    cos, sin = jnp.cos(frequency * t), jnp.sin(frequency * t)
    place, motion = jnp.fft.rfft(q, axis=0), jnp.fft.rfft(p, axis=0)
    spread = t * jnp.sinc(frequency * t / np.pi)  # sin(w t) / w, and t at rest
    return join_phase(
        jnp.fft.irfft(scale_modes(place, cos) + scale_modes(motion, spread), n, axis=0),
        jnp.fft.irfft(scale_modes(motion, cos) - scale_modes(place, frequency * sin), n, axis=0),
    )


class WaveField(AbstractField):
    """`u_tt = c^2 u_xx - W'(u)` by central differences, a separable canonical field on `(q, p)`.

    Offers `kick`, `drift`, `energy`, and `flows`: the linear waves, exactly and mode by mode,
    and the kick by `W'`, which has no bound on the step from the spacing.

    **Arguments:** as in `WaveLattice`. Cost: one pass over the lattice.
    """

    force: str = eqx.field(static=True)
    speed: Number
    length: Number
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, ENERGY}`."""
        return frozenset({SYMPLECTIC, VOLUME, ENERGY})

    @property
    def potential(self) -> WavePotential:
        """`V(q)`."""
        return WavePotential(self.force, self.speed, self.length)

    @property
    def energy(self) -> SeparableEnergy:
        """`|p|^2 / 2 + V(q)`."""
        return SeparableEnergy(GivenKinetic((1.0,)), self.potential)

    @property
    def flows(self) -> tuple:
        """Linear waves, and the kick by `W'`."""
        return self._propagate, self._push

    def _propagate(self, t, x, h, args=None):
        return advance_waves(h, x, (self.speed * (x.shape[0] // 2) / self.length) ** 2)

    def _push(self, t, x, h, args=None):
        q, p = split_phase(x)
        return join_phase(q, p - h * self.potential.on_site(q))

    def drift(self, t, p, args=None):
        """`dq/dt = p`."""
        return p

    def kick(self, t, q, args=None):
        """`dp/dt = -grad V(q)`."""
        return -self.potential.gradient(t, q)

    def __call__(self, t, x, args=None):
        """`(p, -grad V(q))`."""
        q, p = split_phase(x)
        return join_phase(p, self.kick(t, q, args))


class WaveLattice(AbstractSystem):
    """`u_tt = c^2 u_xx - W'(u)` on `n` points of a period, by central differences.

    State `(q, p) = sqrt(h) (u, u_t)`, `h = length / n`, so that `H = |p|^2 / 2 + V(q)` is the
    energy of the wave; see `state`. `force`: `"linear"` (`W = 0`), `"sine_gordon"`
    (`1 - cos u`) or `"phi4"` (`(u^2 - 1)^2 / 4`). Explicit steps need `dt < h / c` or so;
    the field's `flows` have no such bound.

    **Arguments:** `n`: points, two at least; `speed` `c`, `length`, positive; `amplitude`: root
    mean square of sampled `u` and of `u_t`, smooth with `modes` waves, not negative.
    Raises `ValueError` outside of these.
    """

    n: int = eqx.field(static=True, default=256)
    force: str = eqx.field(static=True, default="sine_gordon")
    speed: Number = 1.0
    length: Number = 20.0
    amplitude: Number = 1.0
    modes: int = eqx.field(static=True, default=4)

    def __check_init__(self):
        check_size("n", self.n, 2)
        check_size("modes", self.modes)
        check_choice("force", self.force, _FORCES)
        check_parameters(self, "speed", "length")
        check_not_negative(self, "amplitude")

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * self.n

    @property
    def field(self) -> WaveField:
        """`(p, -grad V(q))`; offers `kick`, `drift`, `energy`, `flows`."""
        return WaveField(self.force, self.speed, self.length)

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    @property
    def grid(self) -> Float[Array, " n"]:
        """The points, from 0 to `length`, the latter left out."""
        return self.length / self.n * jnp.arange(self.n, dtype=float)

    def state(self, u, rate) -> Float[Array, " two_n *batch"]:
        """The state of a wave `u: (n,)` or `(n, N)` and its rate `u_t`."""
        root = (self.length / self.n) ** 0.5
        return join_phase(root * u, root * rate)

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """A smooth random wave and rate."""
        return self.state(
            *(smooth_profile(each, self.n, self.modes, self.amplitude) for each in jr.split(key))
        )

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2n,)` or `(2n, N)`, linear waves only.

        Raises `ValueError` for the other forces.
        """
        if self.force != "linear":
            raise ValueError(f"only linear waves have a closed form here, not {self.force!r}")
        return advance_waves(t, x0, (self.speed * self.n / self.length) ** 2)
