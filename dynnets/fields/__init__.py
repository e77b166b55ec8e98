"""Families of vector fields, and the energies and potentials behind them."""

from ._antisymmetric import AntisymmetricField as AntisymmetricField
from ._dissipative import (
    AbstractDamping as AbstractDamping,
    ConstantDamping as ConstantDamping,
    HelmholtzField as HelmholtzField,
    MLPDamping as MLPDamping,
    PortHamiltonianField as PortHamiltonianField,
    initial_damping as initial_damping,
)
from ._energies import (
    FunctionEnergy as FunctionEnergy,
    KineticEnergy as KineticEnergy,
    MLPEnergy as MLPEnergy,
    QuadraticEnergy as QuadraticEnergy,
    SeparableEnergy as SeparableEnergy,
    as_energy as as_energy,
)
from ._gated import GatedField as GatedField
from ._gradient import (
    ExpansiveField as ExpansiveField,
    GradientField as GradientField,
    NonExpansiveField as NonExpansiveField,
    RidgeEnergy as RidgeEnergy,
    ridge_constant as ridge_constant,
    ridge_energy as ridge_energy,
    ridge_gradient as ridge_gradient,
)
from ._hamiltonian import (
    HamiltonianField as HamiltonianField,
    PoissonField as PoissonField,
    SeparableHamiltonianField as SeparableHamiltonianField,
    mechanical_field as mechanical_field,
)
from ._inputs import input_at as input_at
from ._kick_drift import kick_drift_flows as kick_drift_flows
from ._known import KnownEnergy as KnownEnergy
from ._lagrangian import (
    CanonicalLagrangianField as CanonicalLagrangianField,
    LagrangianEnergy as LagrangianEnergy,
    LagrangianField as LagrangianField,
    euler_lagrange as euler_lagrange,
    noether as noether,
    poisson_bracket as poisson_bracket,
)
from ._legendre import (
    LegendreEnergy as LegendreEnergy,
    LegendreLagrangian as LegendreLagrangian,
    inverse_legendre as inverse_legendre,
    legendre as legendre,
)
from ._library import (
    AbstractLibrary as AbstractLibrary,
    MonomialLibrary as MonomialLibrary,
    monomials as monomials,
    tensor_monomials as tensor_monomials,
)
from ._library_energy import (
    LibraryEnergy as LibraryEnergy,
    component_names as component_names,
    energy_terms as energy_terms,
    formula as formula,
)
from ._library_terms import (
    RIDGE_FUNCTIONS as RIDGE_FUNCTIONS,
    CustomLibrary as CustomLibrary,
    JoinedLibrary as JoinedLibrary,
    RidgeLibrary as RidgeLibrary,
)
from ._mass import MassPreservingField as MassPreservingField
from ._mechanical import (
    AbstractMass as AbstractMass,
    ConstantMass as ConstantMass,
    MassMatrixField as MassMatrixField,
    MLPMass as MLPMass,
    VelocityEnergy as VelocityEnergy,
)
from ._mlp import (
    ACTIVATIONS as ACTIVATIONS,
    MLP as MLP,
    activate as activate,
    affine as affine,
    mlp as mlp,
    mlp_gradient as mlp_gradient,
)
from ._monotone import MONOTONE_ACTIVATIONS as MONOTONE_ACTIVATIONS
from ._neural import NeuralField as NeuralField
from ._orthogonal import OrthogonalFlowField as OrthogonalFlowField
from ._pair_force import PairForceField as PairForceField
from ._pair_laws import (
    AbstractPairLaw as AbstractPairLaw,
    CorrectedPowerLaw as CorrectedPowerLaw,
    FixedPowerLaw as FixedPowerLaw,
    MLPLaw as MLPLaw,
    PowerLaw as PowerLaw,
    local_exponent as local_exponent,
)
from ._pairwise import (
    PairwiseEnergy as PairwiseEnergy,
    PairwiseField as PairwiseField,
    PairwisePotential as PairwisePotential,
)
from ._potentials import (
    PeriodicEnergy as PeriodicEnergy,
    PolynomialPotential as PolynomialPotential,
    SumEnergy as SumEnergy,
    angle_features as angle_features,
)
from ._second_order import SecondOrderField as SecondOrderField
from ._sphere import (
    LowRankSphereField as LowRankSphereField,
    RotationField as RotationField,
    SphereField as SphereField,
)
from ._taylor import (
    FACTORIALS as FACTORIALS,
    TAYLOR_ACTIVATIONS as TAYLOR_ACTIVATIONS,
    TaylorEnergy as TaylorEnergy,
)
from ._time_dependent import (
    RateEnergy as RateEnergy,
    TimePotential as TimePotential,
)
from ._uniform_input import UniformInput as UniformInput
from ._volume import (
    ShearField as ShearField,
    shear_rate as shear_rate,
)
from ._vortex import (
    CirculationEnergy as CirculationEnergy,
    CirculationField as CirculationField,
    DistanceLaw as DistanceLaw,
)
