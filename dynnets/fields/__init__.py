"""Families of vector fields, and the energies and potentials behind them."""

from dynnets._core import (
    canonical_matrix as canonical_matrix,
    constant_field as constant_field,
    join_phase as join_phase,
    split_phase as split_phase,
    symplectic_gradient as symplectic_gradient,
)

from ._abstract import (
    AbstractField as AbstractField,
)
from ._antisymmetric import (
    AntisymmetricField as AntisymmetricField,
)
from ._dissipative import (
    AbstractDamping as AbstractDamping,
    ConstantDamping as ConstantDamping,
    HelmholtzField as HelmholtzField,
    MLPDamping as MLPDamping,
    PortHamiltonianField as PortHamiltonianField,
    initial_damping as initial_damping,
)
from ._gated import (
    GatedField as GatedField,
)
from ._gradient import (
    ExpansiveField as ExpansiveField,
    GradientField as GradientField,
    NonExpansiveField as NonExpansiveField,
)
from ._hamiltonian import (
    HamiltonianField as HamiltonianField,
    PoissonField as PoissonField,
    SeparableHamiltonianField as SeparableHamiltonianField,
    mechanical_field as mechanical_field,
)
from ._inputs import (
    input_at as input_at,
)
from ._kick_drift import (
    kick_drift_flows as kick_drift_flows,
)
from ._lagrangian import (
    CanonicalLagrangianField as CanonicalLagrangianField,
    LagrangianEnergy as LagrangianEnergy,
    LagrangianField as LagrangianField,
    euler_lagrange as euler_lagrange,
    noether as noether,
    poisson_bracket as poisson_bracket,
)
from ._mechanical import (
    MassMatrixField as MassMatrixField,
)
from ._neural import (
    NeuralField as NeuralField,
)
from ._orthogonal import (
    OrthogonalFlowField as OrthogonalFlowField,
)
from ._pair_force import (
    PairForceField as PairForceField,
)
from ._pairwise import (
    PairwiseField as PairwiseField,
)
from ._second_order import (
    SecondOrderField as SecondOrderField,
)
from ._sphere import (
    LowRankSphereField as LowRankSphereField,
    RotationField as RotationField,
    SphereField as SphereField,
)
from ._sum import (
    SumPreservingField as SumPreservingField,
)
from ._uniform_input import (
    UniformInput as UniformInput,
)
from ._volume import (
    ShearField as ShearField,
)
from ._vortex import (
    CirculationField as CirculationField,
)
