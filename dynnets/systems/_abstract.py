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

from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField


class AbstractSystem(eqx.Module):
    """A ground truth: energy, field, seeded sampler and, where known, the exact solution."""

    @property
    @abc.abstractmethod
    def energy(self) -> AbstractEnergy:
        """The energy of the state."""

    @property
    @abc.abstractmethod
    def field(self) -> AbstractField:
        """The true vector field."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""
