"""A chain of masses and springs on one wall or two, with its closed form in normal modes."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_phase_dim, check_size, join_phase, split_phase
from dynnets.energies import AbstractEnergy
from dynnets.fields import SeparableHamiltonianField

from ._abstract import AbstractSystem
from ._energies import GivenKinetic, column
from ._parameters import Number, check_masses, check_not_negative
from ._sampling import uniform


class ChainPotential(AbstractEnergy):
    """`V(q) = sum_{i=0}^{n} k_i (q_{i+1} - q_i)^2 / 2` with walls `q_0 = q_{n+1} = 0`.

    A free end has no spring to its wall: `k_n = 0`.
    """

    stiffnesses: tuple[Number, ...]

    def _tensions(self, q):
        """Stretch and tension of the `n + 1` springs."""
        wall = jnp.zeros_like(q[:1])
        stretch = jnp.diff(jnp.concatenate([wall, q, wall]), axis=0)
        return stretch, column(self.stiffnesses, q) * stretch

    def __call__(self, t, q):
        """`V(q)`."""
        stretch, tension = self._tensions(q)
        return jnp.sum(stretch * tension, axis=0) / 2

    def gradient(self, t, q):
        """Tension of the spring before each mass less that of the spring behind it."""
        tension = self._tensions(q)[1]
        return tension[:-1] - tension[1:]


ENDS = ("free", "wall")
"""What may be behind the last mass of a chain."""


def _each(value, count: int) -> tuple[Number, ...]:
    """`value` for each of `count`, or the given values."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * count


class SpringChain(AbstractSystem):
    """`H = sum_i p_i^2 / (2 m_i) + sum_i k_i (q_{i+1} - q_i)^2 / 2` between two walls.

    `n` masses, `n + 1` springs; `q_i` is the displacement of mass `i`. With a free end the last
    mass hangs on its one spring, `n` in all.

    **Arguments:** `n`: number of masses; `stiffness`, `mass`: one positive number for all, or
    `n + 1` (`n` with a free end) and `n` of them; `end`: `"wall"` or `"free"`, what is behind the
    last mass; `spread`: sampled displacements and momenta are uniform in
    `[-spread, spread]`, the masses next to a wall start at rest in their places.
    Raises `ValueError` outside of these. See `random_chain` for random chains.
    """

    stiffnesses: tuple[Number, ...]
    masses: tuple[Number, ...]
    spread: Number
    end: str = eqx.field(static=True)

    def __init__(
        self,
        n: int,
        *,
        stiffness: Number | Sequence[Number] = 1.0,
        mass: Number | Sequence[Number] = 1.0,
        end: str = "wall",
        spread: Number = 2.5,
    ):
        check_size("n", n)
        check_choice("end", end, ENDS)
        springs = n if end == "free" else n + 1
        stiffnesses = _each(stiffness, springs)
        check_masses("stiffness", stiffnesses, springs)
        self.stiffnesses = stiffnesses if end == "wall" else (*stiffnesses, 0.0)
        self.masses, self.end, self.spread = _each(mass, n), end, spread
        check_masses("mass", self.masses, n)
        check_not_negative(self, "spread")

    @property
    def dim(self) -> int:
        """`2 n`."""
        return 2 * len(self.masses)

    @property
    def field(self) -> SeparableHamiltonianField:
        """`(p / m, -K q)`; offers `kick`, `drift`, `energy`."""
        return SeparableHamiltonianField(
            GivenKinetic(self.masses), ChainPotential(self.stiffnesses)
        )

    @property
    def energy(self):
        """`H`."""
        return self.field.energy

    def sample(self, key: PRNGKeyArray) -> Float[Array, " two_n"]:
        """Uniform displacements and momenta; the masses next to a wall start at rest."""
        n = len(self.masses)
        draws = uniform(key, (-self.spread, self.spread), (2, n))
        if n > 2:
            draws = draws.at[:, 0].set(0)
            draws = draws.at[:, -1].set(0) if self.end == "wall" else draws
        return draws.ravel()

    def solution(self, t, x0):
        """The exact state at the scalar time `t` from `x0: (2n,)` or `(2n, N)` at time zero.

        Normal modes: `M^(-1/2) K M^(-1/2) = V diag(w^2) V^T`, each mode a harmonic oscillator.
        """
        check_phase_dim("x0", x0.shape[0])
        q, p = split_phase(x0)
        root = jnp.sqrt(column(self.masses, q))
        springs = jnp.asarray(self.stiffnesses, q.dtype)
        stiffness = jnp.diag(springs[:-1] + springs[1:])
        stiffness = stiffness - jnp.diag(springs[1:-1], 1) - jnp.diag(springs[1:-1], -1)
        scale = jnp.sqrt(jnp.asarray(self.masses, q.dtype))
        squares, modes = jnp.linalg.eigh(stiffness / jnp.outer(scale, scale))
        frequency = jnp.sqrt(squares).reshape((-1,) + (1,) * (q.ndim - 1))
        place, motion = modes.T @ (root * q), modes.T @ (p / root)
        cos, sin = jnp.cos(frequency * t), jnp.sin(frequency * t)
        return join_phase(
            (modes @ (place * cos + motion / frequency * sin)) / root,
            root * (modes @ (motion * cos - frequency * place * sin)),
        )


def random_chain(n: int, *, key: PRNGKeyArray, spread: Number = 2.5) -> SpringChain:
    """A chain with `k = 5 max(0.2, 1 + z / 4)` and `m = max(0.2, 1 + z / 4)`, `z` standard normal.

    Source: Chen, Zhang, Arjovsky and Bottou, Symplectic Recurrent Neural Networks, 2020,
    arXiv:1909.13334 (20 masses there).
    """
    check_size("n", n)
    key_stiffness, key_mass = jr.split(key)
    stiffness = 5 * jnp.maximum(0.2, 1 + jr.normal(key_stiffness, (n + 1,)) / 4)
    mass = jnp.maximum(0.2, 1 + jr.normal(key_mass, (n,)) / 4)
    return SpringChain(n, stiffness=stiffness.tolist(), mass=mass.tolist(), spread=spread)
