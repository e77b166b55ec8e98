"""Energies that are known: part of a learned Hamiltonian that no optimiser touches."""

from dynnets._core import constant_field

from ._abstract import AbstractEnergy


class KnownEnergy(AbstractEnergy):
    """A given energy whose parameters stay as they are while the rest of a model is trained.

    For instance `KnownEnergy(KineticEnergy(mass))` beside a learned potential. Preserves what the
    energy inside does. **Arguments:** `energy`: any `AbstractEnergy`.
    """

    energy: AbstractEnergy = constant_field()

    @property
    def autonomous(self):
        """Whether the energy inside is."""
        return self.energy.autonomous

    def __call__(self, t, x):
        """`H(t, x)`."""
        return self.energy(t, x)

    def gradient(self, t, x):
        """`grad H(t, x)`."""
        return self.energy.gradient(t, x)

    @property
    def gradient_bound(self) -> float | None:
        """That of the energy inside."""
        return self.energy.gradient_bound

    @property
    def range_bound(self) -> tuple[float, float] | None:
        """That of the energy inside."""
        return self.energy.range_bound

    def bounds(self):
        """What the energy inside proves of itself."""
        return self.energy.bounds()
