"""Damped, forced mechanics with a mass matrix, on states of coordinates and velocities."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import DISSIPATIVE, ENERGY, join_phase, split_phase
from dynnets.energies import AbstractEnergy, AbstractMass, VelocityEnergy, as_energy

from ._abstract import AbstractField
from ._dissipative import AbstractDamping
from ._inputs import input_at


class MassMatrixField(AbstractField):
    """`q' = v`, `d/dt (M(q) v) = grad_q (v^T M v / 2) - grad V(q) - D(q) v + G u(t)`.

    The port-Hamiltonian field of `H(q, p) = p^T M(q)^{-1} p / 2 + V(q)` with the momenta
    `p = M(q) v` eliminated: what a record of coordinates and *velocities* needs, since these are
    canonical for a constant diagonal mass only. With `E = v^T M v / 2 + V`,
    `dE/dt = -v^T D v + v^T G u`: without input the energy never grows, and is kept if there is
    no damping. The flow is not symplectic in `(q, v)` (it is in `(q, M(q) v)`), hence no such tag.

    **Arguments:**

    - `mass`: an `AbstractMass`; `potential`: an energy `V(t, q)` of `(n,)`.
    - `damping`: an `AbstractDamping`, or `None`.
    - `input_matrix`: `G`, shape `(n, m)`, trainable, or `None` when there is no input.

    The input `u` comes through `args`, see `input_at`. Cost: one evaluation, one gradient and one
    directional derivative of `M`, one gradient of `V`. Raises `ValueError` for an input without
    `input_matrix`. Source: van der Schaft and Jeltsema, Port-Hamiltonian Systems Theory, 2014.
    """

    mass: AbstractMass
    potential: AbstractEnergy = eqx.field(converter=as_energy)
    damping: AbstractDamping | None = None
    input_matrix: Float[Array, "n m"] | None = None
    features_first: ClassVar[bool] = True

    @property
    def input_dim(self) -> int:
        """The size of the input, 0 without an input matrix."""
        return 0 if self.input_matrix is None else self.input_matrix.shape[-1]

    @property
    def structure(self):
        """`{DISSIPATIVE}`, or `{DISSIPATIVE, ENERGY}` without damping and input; nothing for a
        potential that depends on time.
        """
        if not self.potential.autonomous:
            return frozenset()
        closed = self.damping is None and self.input_matrix is None
        return frozenset({DISSIPATIVE, ENERGY} if closed else {DISSIPATIVE})

    @property
    def energy(self) -> VelocityEnergy:
        """`v^T M(q) v / 2 + V(q)`."""
        return VelocityEnergy(self.mass, self.potential)

    def __call__(self, t, x, args=None):
        """`(v, dv/dt)`."""
        q, v = split_phase(x)
        _, momentum_change = jax.jvp(lambda y: self.mass(y, v), (q,), (v,))
        kinetic_force = jax.grad(lambda y: jnp.sum(self.mass.kinetic(y, v)))(q)
        force = kinetic_force - self.potential.gradient(t, q) - momentum_change
        if self.damping is not None:
            force = force - self.damping(q, v)
        u = input_at(t, args)
        if u is not None:
            if self.input_matrix is None:
                raise ValueError("an input was given, but the field has no input_matrix")
            push = self.input_matrix @ u
            force = force + push.reshape(push.shape + (1,) * (force.ndim - push.ndim))
        return join_phase(v, self.mass.solve(q, force))
