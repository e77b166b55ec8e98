"""Bodies that act in pairs: with a learned energy, by Newton's law, and without structure."""

import diffrax
import equinox as eqx
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets.energies import AbstractPairLaw, FixedPowerLaw, PairwiseEnergy, PairwisePotential
from dynnets.fields import PairForceField, PairwiseField
from dynnets.integrators import AbstractStep, RungeKutta, check_parts, yoshida4

from .._field_model import FieldModel
from .._step_model import AbstractStepModel


class PairwiseHamiltonian(AbstractStepModel):
    """N bodies with one learned law of force and learned masses, under a symplectic step.

    `H = sum_i |p_i|^2 / (2 m_i) + sum_{i<j} m_i m_j phi(|r_i - r_j|)`. The state is what is
    measured, positions and velocities `x = (q, v)`, `q` body by body; the momenta `p = m v` follow
    from the learned masses. `canonical` is the same model on `(q, p)`.

    **Arguments:**

    - `law`: `phi`, an `AbstractPairLaw` such as `CorrectedPowerLaw`.
    - `masses`: first guess, `(bodies,)`; that of body 0 is the unit of mass (see
      `PairwisePotential`).
    - `space_dim`; `step`, `substeps`: how forecasts are made, by default one step of Yoshida's
      fourth-order method between two times.

    Preserves, for every weight: under the exact flow energy, momentum, angular momentum and the
    symplectic form `sum m dq dv`; under the default step momentum and the form, so the energy
    error stays bounded. Cost: `bodies (bodies - 1) / 2` laws per evaluation, three a step.
    Raises `ValueError` for masses that are not positive.
    """

    potential: PairwisePotential
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        law: AbstractPairLaw,
        masses: Float[Array, " bodies"],
        space_dim: int = 3,
        *,
        step: AbstractStep = yoshida4,
        substeps: int = 1,
    ):
        self.potential = PairwisePotential(law, masses, space_dim)
        self.step, self.substeps = step, substeps
        check_parts(step, self.field)

    @property
    def law(self) -> AbstractPairLaw:
        """The learned law `phi(r)` for unit masses."""
        return self.potential.law

    @property
    def masses(self) -> Float[Array, " bodies"]:
        """The learned masses in units of that of body 0."""
        return self.potential.masses

    @property
    def field(self) -> PairwiseField:
        """The field on `(q, v)`."""
        return PairwiseField(self.potential)

    @property
    def energy(self) -> PairwiseEnergy:
        """The learned energy on `(q, v)`."""
        return self.field.energy

    @property
    def canonical(self) -> FieldModel:
        """The same model on canonical states `(q, p)`: its step is symplectic."""
        return FieldModel(self.field.canonical, self.step, self.substeps)


def newtonian_bodies(
    strength, masses: Float[Array, " bodies"], space_dim: int = 3, **options
) -> PairwiseHamiltonian:
    """Newton's law `phi(r) = -k / r` with fitted strength `k` and masses: nothing else is learned.

    **Arguments:** `strength`: first guess of `k`, the gravitational constant times the mass of
    body 0; `masses`, `space_dim`, `options`: as for `PairwiseHamiltonian`.
    """
    return PairwiseHamiltonian(FixedPowerLaw(strength), masses, space_dim, **options)


class PairwiseForce(AbstractStepModel):
    """N bodies with a learned pair force and no structure: what `PairwiseHamiltonian` is up to.

    State `(q, v)`, body by body. No energy, no masses, no third law; see `PairForceField`.

    **Arguments:** `accelerations`, `space_dim`, `low`, `high`, `width`, `depth`, `key`: as for
    `PairForceField`; `step`, `substeps`: how forecasts are made, by default one step of Tsit5
    between two times. Preserves: nothing.
    """

    pair_field: PairForceField
    step: AbstractStep
    substeps: int = eqx.field(static=True)

    def __init__(
        self,
        accelerations: Float[Array, " bodies"],
        space_dim: int,
        low: float,
        high: float,
        width: int = 32,
        depth: int = 2,
        *,
        step: AbstractStep | None = None,
        substeps: int = 1,
        key: PRNGKeyArray,
    ):
        self.pair_field = PairForceField(accelerations, space_dim, low, high, width, depth, key=key)
        self.step = RungeKutta(diffrax.Tsit5()) if step is None else step
        self.substeps = substeps

    @property
    def field(self) -> PairForceField:
        """The field on `(q, v)`."""
        return self.pair_field

    @property
    def energy(self) -> None:
        """`None`: there is no energy behind this field."""
        return None
