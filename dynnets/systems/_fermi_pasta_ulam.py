"""Chains with weakly nonlinear springs, and the chain that alternates stiff and soft ones."""

import math

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_size, join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic
from ._parameters import Number, check_not_negative, check_parameters, check_range
from ._sampling import ring, uniform


def _stretches(q):
    """`q_{j+1} - q_j` of the `n + 1` springs between walls `q_0 = q_{n+1} = 0`."""
    wall = jnp.zeros_like(q[:1])
    return jnp.diff(jnp.concatenate([wall, q, wall]), axis=0)


class NonlinearSprings(AbstractEnergy):
    """`V(q) = sum_j s_j^2 / 2 + a s_j^3 / 3 + b s_j^4 / 4` with `s_j = q_{j+1} - q_j`."""

    alpha: Number
    beta: Number

    def __call__(self, t, q):
        """`V(q)`."""
        s = _stretches(q)
        return jnp.sum(s**2 * (0.5 + s * (self.alpha / 3 + s * self.beta / 4)), axis=0)

    def gradient(self, t, q):
        """Tension of the spring before each mass less that of the spring behind it."""
        s = _stretches(q)
        tension = s * (1 + s * (self.alpha + s * self.beta))
        return tension[:-1] - tension[1:]


class FermiPastaUlamTsingou(AbstractSystem):
    """`H = |p|^2 / 2 + sum_{j=0}^{n} s_j^2 / 2 + a s_j^3 / 3 + b s_j^4 / 4` between two walls.

    `n` unit masses, `s_j = q_{j+1} - q_j`. Energy put into one mode does not spread over all of
    them but returns; `mode_energies` shows it. With `alpha` the energy is not bounded below:
    bonds shorter than `-1 / alpha` break.

    **Arguments:** `n`: number of masses; `alpha`, `beta`: cubic and quartic strength, not
    negative; `mode`: the mode that sampled states excite, 1 to `n`; `amplitude`: the range of
    its size `max_j |q_j|`. Raises `ValueError` outside of these.
    Source: Fermi, Pasta, Ulam and Tsingou, Los Alamos report LA-1940, 1955.
    """

    n: int = eqx.field(static=True, default=32)
    alpha: Number = 0.25
    beta: Number = 0.0
    mode: int = eqx.field(static=True, default=1)
    amplitude: tuple[Number, Number] = (0.5, 1.0)

    def __check_init__(self):
        check_size("n", self.n)
        check_not_negative(self, "alpha", "beta")
        check_size("mode", self.mode)
        if self.mode > self.n:
            raise ValueError(f"mode must be one of 1 to n = {self.n}, got {self.mode}")
        check_range("amplitude", self.amplitude, 0.0)

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * self.n

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            GivenKinetic((1.0,)), NonlinearSprings(self.alpha, self.beta)
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def _waves(self) -> np.ndarray:
        """The orthogonal, symmetric matrix of the modes, `sqrt(2/(n+1)) sin(pi j k / (n+1))`."""
        index = np.arange(1, self.n + 1)
        angle = np.pi * np.outer(index, index) / (self.n + 1)
        return math.sqrt(2 / (self.n + 1)) * np.sin(angle)

    def frequencies(self) -> np.ndarray:
        """`2 sin(pi k / (2 (n + 1)))` of the linear modes `k = 1..n`."""
        return 2 * np.sin(np.pi * np.arange(1, self.n + 1) / (2 * (self.n + 1)))

    def modes(self, x):
        """`x: (2n,)` or `(2n, N)` in normal coordinates of the linear chain; its own inverse."""
        waves = jnp.asarray(self._waves(), x.dtype)
        return join_phase(*(waves @ part for part in split_phase(x)))

    def mode_energies(self, x):
        """`(P_k^2 + w_k^2 Q_k^2) / 2` of the modes, `(n,)` or `(n, N)`: kept if linear."""
        place, motion = split_phase(self.modes(x))
        frequency = jnp.asarray(self.frequencies(), x.dtype).reshape((-1,) + (1,) * (x.ndim - 1))
        return (motion**2 + (frequency * place) ** 2) / 2

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """One linear mode with an amplitude uniform in its range and a uniform phase."""
        place, motion = ring(key, self.amplitude)
        wave = jnp.asarray(
            np.sin(np.pi * self.mode * np.arange(1, self.n + 1) / (self.n + 1)), place.dtype
        )
        return join_phase(place * wave, motion * float(self.frequencies()[self.mode - 1]) * wave)


class StiffSoftSprings(AbstractEnergy):
    """`V(q) = w^2 |x_1|^2 / 2 + |soft stretches|^4 / 4`, `q = (x_0, x_1)`: see `StiffChain`."""

    frequency: Number

    def _soft(self, q):
        """Stretches of the soft springs, `(m + 1, ...)`."""
        middle, half = split_phase(q)
        wall = jnp.zeros_like(middle[:1])
        return jnp.concatenate([middle - half, wall]) - jnp.concatenate([wall, middle + half])

    def __call__(self, t, q):
        """`V(q)`."""
        half = split_phase(q)[1]
        return (
            self.frequency**2 * jnp.sum(half**2, axis=0) / 2
            + jnp.sum(self._soft(q) ** 4, axis=0) / 4
        )

    def gradient(self, t, q):
        """In closed form; each soft spring pulls at the pairs on both of its sides."""
        half = split_phase(q)[1]
        force = self._soft(q) ** 3
        left, right = force[:-1], force[1:]
        return join_phase(left - right, self.frequency**2 * half - left - right)


class StiffChain(AbstractSystem):
    """Stiff linear springs in turn with soft quartic ones: fast oscillations, slow exchange.

    `H = |p|^2 / 2 + w^2 |x_1|^2 / 2 + sum_{i=0}^{m} d_i^4 / 4` with
    `d_i = (x_{0,i+1} - x_{1,i+1}) - (x_{0,i} + x_{1,i})` and walls at both ends: `x_0` the
    (scaled) middles and `x_1` the half lengths of `m` stiff springs; `q = (x_0, x_1)`. The sum
    of `oscillatory_energies` is nearly kept over long times. The Fermi-Pasta-Ulam problem of
    Hairer, Lubich and Wanner, Geometric Numerical Integration, 2006, section I.5.

    **Arguments:** `m`: number of stiff springs; `frequency` `w`, positive; `spread`: sampled
    values of `x_0`, `w x_1` and of all momenta are uniform in `[-spread, spread]`.
    Raises `ValueError` outside of these.
    """

    m: int = eqx.field(static=True, default=3)
    frequency: Number = 50.0
    spread: Number = 1.0

    def __check_init__(self):
        check_size("m", self.m)
        check_parameters(self, "frequency")
        check_not_negative(self, "spread")

    @property
    def dim(self) -> int:
        """`4 m`."""
        return 4 * self.m

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p, -grad V(q))`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(GivenKinetic((1.0,)), StiffSoftSprings(self.frequency))

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """Uniform draws; stiff springs get a stretch of `1 / w`, so all terms are of one size."""
        key_place, key_motion = jr.split(key)
        bounds = (-self.spread, self.spread)
        middle, half = uniform(key_place, bounds, (2, self.m))
        motion = uniform(key_motion, bounds, (2 * self.m,))
        return jnp.concatenate([middle, half / self.frequency, motion])

    def oscillatory_energies(self, x):
        """`(y_{1,i}^2 + w^2 x_{1,i}^2) / 2` of each stiff spring, `(m,)` or `(m, N)`."""
        q, p = split_phase(x)
        half, motion = split_phase(q)[1], split_phase(p)[1]
        return (motion**2 + (self.frequency * half) ** 2) / 2
