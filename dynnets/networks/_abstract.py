"""What a network is: a map of one unbatched state, with the structure that it keeps."""

import abc

import equinox as eqx
from jaxtyping import Array

from dynnets._core import Bound, Tag


class AbstractNetwork(eqx.Module):
    """A map `net(x)` of one state; `jax.vmap` batches it, or features-first `(d, N)` at once."""

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the map keeps for every value of the weights: derived, not measured."""

    def bounds(self) -> tuple[Bound, ...]:
        """What the network proves of itself at its present weights; nothing by default."""
        return ()

    @abc.abstractmethod
    def __call__(self, x) -> Array:
        """The image of `x`, shape `(d,)` or features-first `(d, N)`."""
