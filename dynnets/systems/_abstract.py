"""The role of every ground truth.

```python
>>> from dynnets.systems import (
...     ChargedParticle, ChargedParticleField, ForcedField, ForcedOscillator, LotkaVolterra,
...     NonlinearSchroedinger, PopulationField, RigidBody, RigidBodyField, SchroedingerField,
...     StiffChain, Toda, PointVortices, VortexField, WaveField, WaveLattice)
>>> fields = {
...     ChargedParticle: ChargedParticleField, ForcedOscillator: ForcedField,
...     NonlinearSchroedinger: SchroedingerField, PointVortices: VortexField,
...     RigidBody: RigidBodyField, WaveLattice: WaveField}
>>> all(type(system().field) is field for system, field in fields.items())
True
>>> isinstance(LotkaVolterra().population_field, PopulationField)
True
>>> Toda(4).dim, StiffChain(2).dim
(8, 8)

```
"""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import declared


class AbstractSystem(eqx.Module):
    """A ground truth: energy, field, seeded sampler and, where known, the exact solution.

    A subclass defines `energy`, `field`, `dim` and `sample`; it may offer `solution(t, x0)`, the
    exact state at the scalar time `t` from `x0` at time zero, which is absent (`None`) elsewhere.
    """

    @declared
    def energy(self) -> Any:
        """The `AbstractEnergy` of the state: a property or an attribute."""

    @declared
    def field(self) -> Any:
        """The true `AbstractField`: a property or an attribute."""

    def __check_init__(self):
        for name, part in (("energy", self.energy), ("field", self.field)):
            if part is None:
                raise ValueError(f"{type(self).__name__} defines no {name}: a system has one")

    @declared
    def solution(self) -> Any:
        """`solution(t, x0)`, the exact state at the time `t` from `x0` at time zero."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""
