"""The role of every learned dynamical system."""

import abc
from typing import Any

import equinox as eqx
from jaxtyping import Array

from dynnets._core import Bound, Tag, declared


class AbstractModel(eqx.Module):
    """A learned dynamical system: losses, forecasts and certificates ask for its parts by name.

    A subclass defines `structure` and `predict`. Optional parts, absent (`None`) unless a class
    offers them under that name, as a property or an attribute:

    - `field`: the learned `AbstractField`; a flow, which is a map of time, has none.
    - `energy`: the learned `AbstractEnergy` on the state that the model forecasts.
    - `step`: the `AbstractStep` that forecasts, `substeps` times per interval.
    - `inner`, `units`: of a model that speaks other units than it was trained in, the model in the
      units of its training and the change of units. Only `ScaledModel` has them.
    - `law`: the learned `AbstractPairLaw`, of bodies that act on each other in pairs.
    - `initial_states`: learned states at the start of every trial, `(trials, d)`.
    - `copies(x)` and `pair`: of a model that moves two copies of a state, see `NSSNN`.
    - `bounds()`: the `Bound`s that the class proves of itself; those of its field by default.
    """

    @declared
    def field(self) -> Any:
        """The learned `AbstractField`; a flow, which is a map of time, has none."""

    @declared
    def energy(self) -> Any:
        """The learned `AbstractEnergy` on the state that the model forecasts."""

    @declared
    def step(self) -> Any:
        """The `AbstractStep` that forecasts."""

    @declared
    def substeps(self) -> int:
        """The number of steps in an interval of a forecast."""
        return 1

    @declared
    def inner(self) -> Any:
        """The model in the units of its training."""

    @declared
    def units(self) -> Any:
        """The change of units from those of the training."""

    @declared
    def initial_states(self) -> Any:
        """Learned states at the start of every trial, `(trials, d)`."""

    @declared
    def copies(self) -> Any:
        """`copies(x)`, the two copies of a state that the model moves."""

    @declared
    def pair(self) -> Any:
        """The model's map of two copies of a state."""

    @declared
    def law(self) -> Any:
        """The learned law of pairs, of a model of bodies."""

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the model's forecast map keeps: the meet of its field's flow and its step."""

    @abc.abstractmethod
    def predict(self, x0, ts, args=None) -> Array:
        """Forecast from `x0: (d,)` at `ts[0]`; the states at `ts: (n,)`, shape `(n, d)`."""

    def bounds(self) -> tuple[Bound, ...]:
        """What the model proves of itself at its present parameters."""
        return () if self.field is None else self.field.bounds()
