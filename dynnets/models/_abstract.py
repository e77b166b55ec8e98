"""The role of every learned dynamical system."""

import abc

import equinox as eqx
from jaxtyping import Array

from dynnets._core import Tag
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField


class AbstractModel(eqx.Module):
    """A learned dynamical system: losses and forecasts ask for these methods by name."""

    @property
    @abc.abstractmethod
    def field(self) -> AbstractField:
        """The learned vector field."""

    @property
    @abc.abstractmethod
    def energy(self) -> AbstractEnergy | None:
        """The learned energy on the state that the model forecasts, or `None`."""

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the model's forecast map keeps: the meet of its field's flow and its step."""

    @abc.abstractmethod
    def predict(self, x0, ts, args=None) -> Array:
        """Forecast from `x0: (d,)` at `ts[0]`; the states at `ts: (n,)`, shape `(n, d)`."""
