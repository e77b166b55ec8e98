"""The nonlinear Schroedinger equation on a periodic lattice: large, with two exact flows."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from dynnets._core import (
    ENERGY,
    NORM,
    SYMPLECTIC,
    VOLUME,
    check_size,
    join_phase,
    split_phase,
    symplectic_gradient,
)
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField

from ._abstract import AbstractSystem
from ._parameters import Number, check_not_negative, check_parameters
from ._spectral import scale_modes, smooth_profile, wave_numbers


class SchroedingerEnergy(AbstractEnergy):
    """`H = h sum_j |psi_x|^2 / 2 - kappa |psi|^4 / 2`, `q + i p = sqrt(2 h) psi`, `h` the spacing.

    The derivative is that of the trigonometric interpolant.
    """

    length: Number
    focusing: Number

    def _bend(self, part):
        """`-part_xx` by the modes of a real function."""
        square = wave_numbers(self.length, part, half=True) ** 2
        modes = scale_modes(jnp.fft.rfft(part, axis=0), square)
        return jnp.fft.irfft(modes, part.shape[0], axis=0)

    def _density(self, x):
        """`|psi_j|^2`."""
        q, p = split_phase(x)
        return (q**2 + p**2) * (q.shape[0] / (2 * self.length))

    def __call__(self, t, x):
        """`H(x)`."""
        q, p = split_phase(x)
        density = self._density(x)
        spacing = self.length / q.shape[0]
        bend = jnp.sum(q * self._bend(q) + p * self._bend(p), axis=0) / 4
        return bend - self.focusing * spacing * jnp.sum(density**2, axis=0) / 2

    def gradient(self, t, x):
        """`-(q, p)_xx / 2 - kappa |psi|^2 (q, p)`."""
        well = self.focusing * self._density(x)
        return join_phase(*(self._bend(part) / 2 - well * part for part in split_phase(x)))


class SchroedingerField(AbstractField):
    """`i psi_t = -psi_xx / 2 - kappa |psi|^2 psi` as a canonical field on `(q, p)`.

    The exact flow keeps the symplectic form, the energy and the norm (the mass). Offers
    `energy` and `flows`: free dispersion, mode by mode, and the turn of phase by `kappa |psi|^2`,
    both exact; their composition is the split-step Fourier method.

    **Arguments:** `length`: of the period; `focusing` `kappa`. Cost: four real transforms.
    """

    length: Number
    focusing: Number
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, ENERGY, NORM}`."""
        return frozenset({SYMPLECTIC, VOLUME, ENERGY, NORM})

    @property
    def energy(self) -> SchroedingerEnergy:
        """`H`."""
        return SchroedingerEnergy(self.length, self.focusing)

    @property
    def flows(self) -> tuple:
        """Dispersion and self-focusing, each keeping form, volume and norm."""
        return self._disperse, self._focus

    def _disperse(self, t, x, h, args=None):
        q, p = split_phase(x)
        angle = -h * wave_numbers(self.length, q) ** 2 / 2
        modes = jnp.fft.fft(jax.lax.complex(q, p), axis=0)
        modes = modes * jax.lax.complex(jnp.cos(angle), jnp.sin(angle))
        psi = jnp.fft.ifft(modes, axis=0)
        return join_phase(psi.real, psi.imag)

    def _focus(self, t, x, h, args=None):
        q, p = split_phase(x)
        angle = h * self.focusing * self.energy._density(x)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        return join_phase(cos * q - sin * p, cos * p + sin * q)

    def __call__(self, t, x, args=None):
        """`J grad H(x)`."""
        return symplectic_gradient(self.energy.gradient(t, x))


class NonlinearSchroedinger(AbstractSystem):
    """`i psi_t = -psi_xx / 2 - kappa |psi|^2 psi` on `n` points of a period.

    State `(q, p)` with `q + i p = sqrt(2 h) psi`, `h = length / n`, so that `H` is the energy
    of the wave and `|x|^2 / 2` its mass; see `wave` and `state`. Kept: energy, `mass`, and
    `momentum` up to the resolution. Stable with explicit methods only for `dt` of the order of
    `h^2`; the field's `flows` have no such bound.

    **Arguments:** `n`: points, two at least; `length`, positive; `focusing` `kappa`, not
    negative; `amplitude`: size of sampled waves; `ripple`: relative size of the smooth random
    part on it, `modes` waves. Raises `ValueError` outside of these.
    """

    n: int = eqx.field(static=True, default=128)
    length: Number = 20.0
    focusing: Number = 1.0
    amplitude: Number = 1.0
    ripple: Number = 0.1
    modes: int = eqx.field(static=True, default=4)

    def __check_init__(self):
        check_size("n", self.n, 2)
        check_size("modes", self.modes)
        check_parameters(self, "length", "amplitude")
        check_not_negative(self, "focusing", "ripple")

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * self.n

    @property
    def energy(self) -> SchroedingerEnergy:
        """`H`."""
        return SchroedingerEnergy(self.length, self.focusing)

    @property
    def field(self) -> SchroedingerField:
        """The canonical field; offers `energy`, `flows`."""
        return SchroedingerField(self.length, self.focusing)

    @property
    def grid(self) -> Float[Array, " n"]:
        """The points, from 0 to `length`, the latter left out."""
        return self.length / self.n * jnp.arange(self.n, dtype=float)

    def wave(self, x) -> Complex[Array, " n *batch"]:
        """`psi = (q + i p) / sqrt(2 h)` of a state."""
        scale = (self.n / (2 * self.length)) ** 0.5
        return jax.lax.complex(*(scale * part for part in split_phase(x)))

    def state(self, psi) -> Float[Array, " two_n *batch"]:
        """The state of a complex wave `(n,)` or `(n, N)`: the inverse of `wave`."""
        scale = (2 * self.length / self.n) ** 0.5
        return join_phase(scale * psi.real, scale * psi.imag)

    def mass(self, x):
        """`h sum_j |psi_j|^2 = |x|^2 / 2`: kept by the flow."""
        return jnp.sum(x**2, axis=0) / 2

    def momentum(self, x):
        """`h sum_j Im(conj(psi) psi_x)`; kept by the equation on the line."""
        q, p = split_phase(x)
        modes = jnp.fft.fft(jax.lax.complex(q, p), axis=0)
        weights = modes.real**2 + modes.imag**2
        return jnp.sum(wave_numbers(self.length, q) * weights, axis=0) / (2 * self.n)

    def soliton(self, t, amplitude: Number = 1.0, velocity: Number = 0.0) -> Float[Array, " two_n"]:
        """`A sech(s) exp(i v (y - v t / 2) + i kappa A^2 t / 2)`, `s = sqrt(kappa) A (y - v t)`.

        `y` is measured from the middle of the period. The exact solution on the line; on the
        period, up to `exp(-sqrt(kappa) A length / 2)`, while it stays away from the ends and if
        `v` is a wave number.
        """
        y = self.grid - self.length / 2
        s = self.focusing**0.5 * amplitude * (y - velocity * t)
        phase = velocity * (y - velocity * t / 2) + self.focusing * amplitude**2 * t / 2
        envelope = amplitude / jnp.cosh(s)
        return self.state(jax.lax.complex(envelope * jnp.cos(phase), envelope * jnp.sin(phase)))

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """A uniform wave with a smooth random ripple."""
        parts = [
            self.ripple * smooth_profile(each, self.n, self.modes, self.amplitude)
            for each in jr.split(key)
        ]
        return self.state(jax.lax.complex(self.amplitude + parts[0], parts[1]))
