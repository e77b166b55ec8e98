"""The role of every ground truth.

```python
>>> from dynnets.systems import (
...     ChargedParticle, ChargedParticleField, ForcedField, ForcedOscillator, LotkaVolterra,
...     NonlinearSchroedinger, PopulationField, RigidBody, RigidBodyField, SchroedingerField,
...     StiffChain, Toda, PointVortices, VortexField, WaveField, WaveLattice)
>>> fields = {
...     ChargedParticle: ChargedParticleField, ForcedOscillator: ForcedField,
...     LotkaVolterra: PopulationField, NonlinearSchroedinger: SchroedingerField,
...     PointVortices: VortexField, RigidBody: RigidBodyField, WaveLattice: WaveField}
>>> all(type(system().field) is field for system, field in fields.items())
True
>>> Toda(4).dim, StiffChain(2).dim
(8, 8)

```
"""

import abc

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import declared
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField


class AbstractSystem(eqx.Module):
    """A ground truth: energy, field, seeded sampler and, where known, the exact solution.

    A subclass defines `energy`, `field`, `dim` and `sample`; it may offer `solution(t, x0)`, the
    exact state at the scalar time `t` from `x0` at time zero, which is absent (`None`) elsewhere.
    """

    @property
    @abc.abstractmethod
    def energy(self) -> AbstractEnergy:
        """The energy of the state."""

    @property
    @abc.abstractmethod
    def field(self) -> AbstractField:
        """The true vector field."""

    solution = declared(None)

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""
