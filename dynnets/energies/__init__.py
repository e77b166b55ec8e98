"""Scalars: energies, potentials, pair laws, libraries of terms, Legendre transforms."""

from ._abstract import (
    AbstractEnergy as AbstractEnergy,
)
from ._circulation import (
    CirculationEnergy as CirculationEnergy,
    DistanceLaw as DistanceLaw,
    pair_geometry as pair_geometry,
)
from ._energies import (
    FunctionEnergy as FunctionEnergy,
    HalfSquareEnergy as HalfSquareEnergy,
    KineticEnergy as KineticEnergy,
    MLPEnergy as MLPEnergy,
    QuadraticEnergy as QuadraticEnergy,
    SeparableEnergy as SeparableEnergy,
    as_energy as as_energy,
)
from ._known import (
    KnownEnergy as KnownEnergy,
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
    CustomLibrary as CustomLibrary,
    JoinedLibrary as JoinedLibrary,
    RidgeLibrary as RidgeLibrary,
)
from ._masses import (
    AbstractMass as AbstractMass,
    ConstantMass as ConstantMass,
    MLPMass as MLPMass,
    VelocityEnergy as VelocityEnergy,
)
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
    PairwisePotential as PairwisePotential,
    distances as distances,
    pairs as pairs,
    weighted_by_mass as weighted_by_mass,
)
from ._potentials import (
    PeriodicEnergy as PeriodicEnergy,
    PolynomialPotential as PolynomialPotential,
    SumEnergy as SumEnergy,
)
from ._ridge import (
    RidgeEnergy as RidgeEnergy,
    ridge_constant as ridge_constant,
)
from ._taylor import (
    TaylorEnergy as TaylorEnergy,
)
from ._time_dependent import (
    RateEnergy as RateEnergy,
    TimePotential as TimePotential,
)
