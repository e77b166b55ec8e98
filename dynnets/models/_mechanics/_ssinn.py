"""Sparse symplectic learning: an energy as a formula over a library of terms."""

from collections.abc import Callable

import equinox as eqx

from dynnets.energies import (
    AbstractEnergy,
    AbstractLibrary,
    LibraryEnergy,
    SeparableEnergy,
    as_energy,
    formula,
)
from dynnets.fields import HamiltonianField, SeparableHamiltonianField
from dynnets.integrators import AbstractStep, Tao, forest_ruth

from .._step_model import AbstractStepModel


def _energy(part: AbstractLibrary | Callable) -> AbstractEnergy:
    return LibraryEnergy(part) if isinstance(part, AbstractLibrary) else as_energy(part)


class SSINN(AbstractStepModel):
    """`H = T(p) + V(q)`, or any `H(q, p)`, as a sum of library terms, under a symplectic step.

    For an interpretable formula where a library of terms can be guessed. `fit_sparse` finds the
    terms from pairs of states; `fit` takes it as any model. The state must be canonical.

    **Arguments:**

    - `kinetic`: an `AbstractLibrary` of the momenta, or an energy such as `KineticEnergy` (masses
      positive by construction), or a function of `(t, p)`; alone, one of the whole state, which
      need not separate.
    - `potential`: the same of the coordinates.
    - `step`, `substeps`: of training by `fit_sparse` and of forecasts; by default Forest and
      Ruth's method of order 4, or `Tao(order=4)` where the energy does not separate.

    Preserves, for all coefficients: `H` and the symplectic form under the exact flow; the form
    under Forest and Ruth's step, and under Tao's on its pair of copies only (`structure` is empty
    then). Cost: one gradient of the library a part.
    Raises `ValueError` for a step that needs kicks and drifts of an energy without them.

    Source: D. DiPietro, S. Xiong, B. Zhu, Sparse Symplectically Integrated Neural Networks,
    NeurIPS 2020, arXiv:2006.12972.

    ```python
    >>> from dynnets.energies import monomials
    >>> from dynnets.models import SSINN
    >>> model = SSINN(monomials(2, 2), monomials(2, 3))
    >>> model.hamiltonian.potential.library.size, model.formula()
    (9, '0')

    ```
    """

    hamiltonian: AbstractEnergy
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        kinetic: AbstractLibrary | Callable,
        potential: AbstractLibrary | Callable | None = None,
        *,
        step: AbstractStep | None = None,
        substeps: int = 1,
    ):
        energy = _energy(kinetic)
        if potential is not None:
            energy = SeparableEnergy(energy, _energy(potential))
        separable = isinstance(energy, SeparableEnergy)
        self.hamiltonian = energy
        self.step = (forest_ruth if separable else Tao(order=4)) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> HamiltonianField | SeparableHamiltonianField:
        """`J grad H`, in kicks and drifts where `H` separates."""
        if isinstance(self.hamiltonian, SeparableEnergy):
            return SeparableHamiltonianField(self.hamiltonian.kinetic, self.hamiltonian.potential)
        return HamiltonianField(self.hamiltonian)

    @property
    def energy(self) -> AbstractEnergy:
        """The learned `H`, without a constant."""
        return self.hamiltonian

    def formula(self, *, digits: int = 4, latex: bool = False) -> str:
        """`H` as text or LaTeX; see `dynnets.fields.formula`."""
        return formula(self.hamiltonian, ("q", "p"), digits=digits, latex=latex)
