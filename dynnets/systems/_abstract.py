"""The role of every ground truth."""

import abc

import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField


class AbstractSystem(eqx.Module):
    """A ground truth: energy, field, seeded sampler and, where known, the exact solution."""

    energy: eqx.AbstractVar[AbstractEnergy]
    field: eqx.AbstractVar[AbstractField]

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""
