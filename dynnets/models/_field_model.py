"""Any field with any step as a model."""

import equinox as eqx

from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep

from ._step_model import AbstractStepModel


class FieldModel(AbstractStepModel):
    """A vector field and the step that forecasts with it: the way to combine them freely.

    For instance a mechanical Hamiltonian with a learned potential under Verlet,
    `FieldModel(mechanical_field(mass, MLPEnergy(...)), verlet_kdk)`.

    **Arguments:** `vector_field`: any `AbstractField`; `step`: any step of
    `dynnets.integrators` whose needs the field meets; `substeps`: equal steps between two times
    of a forecast. Raises `ValueError` for a field that lacks a part which the step needs.

    Preserves: what the field's flow and the step both keep, see `structure`.
    """

    vector_field: AbstractField
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(self, vector_field: AbstractField, step: AbstractStep, substeps: int = 1):
        self.vector_field, self.step, self.substeps = vector_field, step, substeps

    @property
    def field(self) -> AbstractField:
        """The field."""
        return self.vector_field

    @property
    def energy(self) -> AbstractEnergy | None:
        """The energy behind the field, if it has one."""
        return self.vector_field.energy
