"""Energies that are known: part of a learned Hamiltonian that no optimiser touches."""

from dynnets._core import constant_field

from ._abstract import AbstractEnergy
from ._energies import as_energy


class KnownEnergy(AbstractEnergy):
    """A given energy whose parameters stay as they are while the rest of a model is trained.

    For instance `KnownEnergy(KineticEnergy(mass))` beside a learned potential. Preserves what the
    energy inside does. **Arguments:** `energy`: any `AbstractEnergy` or function `H(t, x)`.
    """

    energy: AbstractEnergy = constant_field(converter=as_energy)

    @property
    def autonomous(self):
        """Whether the energy inside is."""
        return self.energy.autonomous

    @property
    def quadratic(self):
        """Whether the energy inside is."""
        return self.energy.quadratic

    @property
    def convex(self):
        """Whether the energy inside is."""
        return self.energy.convex

    @property
    def half_square(self):
        """Whether the energy inside is."""
        return self.energy.half_square

    @property
    def space_dim(self):
        """That of the energy inside."""
        return self.energy.space_dim

    def __call__(self, t, x):
        """`H(t, x)`."""
        return self.energy(t, x)

    def gradient(self, t, x):
        """`grad H(t, x)`."""
        return self.energy.gradient(t, x)
