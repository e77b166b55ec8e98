"""The role of every ground truth."""

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

    energy: eqx.AbstractVar[AbstractEnergy]
    field: eqx.AbstractVar[AbstractField]

    solution = declared(None)

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""
