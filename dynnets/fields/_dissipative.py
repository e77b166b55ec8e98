"""Fields that lose energy or take it in: port-Hamiltonian and Helmholtz forms."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import DISSIPATIVE, check_size, split_phase, symplectic_gradient
from dynnets.energies import AbstractEnergy, as_energy
from dynnets.linear import positive_semidefinite
from dynnets.nn import MLP

from ._abstract import AbstractField
from ._inputs import input_at


class AbstractDamping(eqx.Module):
    """A matrix `D(q) >= 0` that takes `-D dH/dp` from the momenta."""

    @abc.abstractmethod
    def matrix(self, q) -> Float[Array, "n n"]:
        """`D(q)`, symmetric and positive semidefinite, for `q: (n,)`."""

    def __call__(self, q, velocity):
        """`D(q) dH/dp`, of the shape of `velocity`."""
        if q.ndim == 1:
            return self.matrix(q) @ velocity
        return jax.vmap(self, in_axes=-1, out_axes=-1)(q, velocity)


class ConstantDamping(AbstractDamping):
    """`D = L L^T`, the same everywhere. **Arguments:** `factor`: `L`, shape `(n, m)`, trainable."""

    factor: Float[Array, "n m"]

    def matrix(self, q):
        """`L L^T`."""
        return positive_semidefinite(self.factor)

    def __call__(self, q, velocity):
        """`L (L^T dH/dp)`."""
        return self.factor @ (self.factor.T @ velocity)


class MLPDamping(AbstractDamping):
    """`D(q) = L(q) L(q)^T` with `L` a net of the coordinates.

    **Arguments:** `n`: degrees of freedom; `width`, `depth`, `activation`, `key`: as `MLP`;
    `scale`: size of the first `L`.
    """

    net: MLP
    scale: float = eqx.field(static=True)

    def __init__(
        self, n: int, width: int, depth: int, *, activation="tanh", scale=0.1, key: PRNGKeyArray
    ):
        self.net = MLP(n, n * n, width, depth, activation=activation, key=key)
        self.scale = scale

    def matrix(self, q):
        """`L(q) L(q)^T`."""
        n = q.shape[0]
        return positive_semidefinite(self.scale * self.net(q).reshape(n, n))


class PortHamiltonianField(AbstractField):
    """`q' = dH/dp`, `p' = -dH/dq - D(q) dH/dp + G u(t)`: damped and forced mechanics.

    `dH/dt = -v^T D v + v^T G u` with `v = dH/dp`, so without input the energy never grows:
    `D >= 0` by construction. It is the form `x' = (J - R) grad H + G u` with `R = diag(0, D)`,
    which, unlike `J grad H + grad D`, has no freedom to trade damping for energy.

    **Arguments:**

    - `energy`: `H` on `(2n,)`, an `AbstractEnergy` or a function `H(t, x)`.
    - `damping`: an `AbstractDamping`, or `None` for a conservative field.
    - `input_matrix`: `G`, shape `(n, m)`, trainable, or `None` when there is no input.

    The input `u` comes through `args`, see `input_at`. Source: van der Schaft and Jeltsema,
    Port-Hamiltonian Systems Theory, 2014.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    damping: AbstractDamping | None = None
    input_matrix: Float[Array, "n m"] | None = None
    features_first: ClassVar[bool] = True

    @property
    def input_dim(self) -> int:
        """The size of the input, 0 without an input matrix."""
        return 0 if self.input_matrix is None else self.input_matrix.shape[-1]

    @property
    def structure(self):
        """`{DISSIPATIVE}`; nothing for an energy that depends on time."""
        return frozenset({DISSIPATIVE} if self.energy.autonomous else ())

    def __call__(self, t, x, args=None):
        """`(J - R) grad H + G u`."""
        return self.apply_structure(t, x, self.energy.gradient(t, x), args)

    def apply_structure(self, t, x, gradient, args=None):
        """`(J - R(x)) g + G u`: the field as a function of the gradient `g` of its energy."""
        velocity = split_phase(gradient)[1]
        rate, force = split_phase(symplectic_gradient(gradient))
        if self.damping is not None:
            force = force - self.damping(split_phase(x)[0], velocity)
        u = input_at(t, args)
        if self.input_matrix is None:
            if u is not None:
                raise ValueError("an input was given, but the field has no input_matrix")
        elif u is not None:
            force = force + _applied(self.input_matrix, u, force)
        return jnp.concatenate([rate, force])


def _applied(matrix, u, like):
    """`G u`, broadcast over the batch of `like`."""
    force = matrix @ u
    return force.reshape(force.shape + (1,) * (like.ndim - force.ndim))


class HelmholtzField(AbstractField):
    """`x' = J grad H(x) + grad D(x)`: a conservative plus a gradient part.

    `div f = Laplacian D` and the curl comes from `H` alone, but the split is unique only up to
    conjugate harmonic pairs: `D = (q^2 - p^2) / 2` and `H = q p` give the same field. Use
    `PortHamiltonianField` when the damping itself is wanted. No structure is claimed.

    **Arguments:** `energy`, `dissipation`: energies on `(2n,)`. Source: Sosanya and Greydanus,
    Dissipative Hamiltonian Neural Networks, 2022, arXiv:2201.10085.
    """

    energy: AbstractEnergy = eqx.field(converter=as_energy)
    dissipation: AbstractEnergy = eqx.field(converter=as_energy)
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def __call__(self, t, x, args=None):
        """`J grad H + grad D`."""
        conservative = symplectic_gradient(self.energy.gradient(t, x))
        return conservative + self.dissipation.gradient(t, x)


def initial_damping(n: int, size: float, *, key: PRNGKeyArray) -> ConstantDamping:
    """A full `ConstantDamping` whose `D` starts near `size * I`, off-diagonals small and random."""
    check_size("n", n)
    if not size >= 0:
        raise ValueError(f"size must not be negative, got {size}")
    noise = 0.01 * jr.normal(key, (n, n))
    return ConstantDamping(size**0.5 * (jnp.eye(n, dtype=noise.dtype) + noise))
