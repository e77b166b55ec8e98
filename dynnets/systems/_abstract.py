"""The role of every ground truth."""

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
