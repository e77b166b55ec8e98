"""What models of pictures share: the dynamics of a latent state."""

import equinox as eqx

from dynnets._core import Tag
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField

from .._abstract import AbstractModel


class AbstractLatentModel(AbstractModel):
    """A model whose `dynamics` move a latent state that pictures are decoded from."""

    dynamics: eqx.AbstractVar[AbstractModel]

    @property
    def field(self) -> AbstractField:
        """The vector field of the latent state."""
        return self.dynamics.field

    @property
    def energy(self) -> AbstractEnergy | None:
        """The learned energy of the latent state, `None` for latent dynamics without one."""
        return self.dynamics.energy

    @property
    def structure(self) -> frozenset[Tag]:
        """What the forecast map of the latent state keeps."""
        return self.dynamics.structure
