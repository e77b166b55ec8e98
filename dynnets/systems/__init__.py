"""Ground truths: energy, field, seeded sampler and, where known, the exact solution."""

from ._abstract import (
    AbstractSystem as AbstractSystem,
)
from ._billiard import (
    Billiard as Billiard,
)
from ._charged_particle import (
    ChargedParticle as ChargedParticle,
    ChargedParticleField as ChargedParticleField,
)
from ._double_pendulum import (
    DoublePendulum as DoublePendulum,
)
from ._fermi_pasta_ulam import (
    FermiPastaUlamTsingou as FermiPastaUlamTsingou,
    StiffChain as StiffChain,
)
from ._harmonic import (
    Harmonic as Harmonic,
)
from ._henon_heiles import (
    HenonHeiles as HenonHeiles,
)
from ._kepler import (
    anomaly_change as anomaly_change,
)
from ._lotka_volterra import (
    LotkaVolterra as LotkaVolterra,
    PopulationField as PopulationField,
)
from ._nonseparable import (
    NonseparableOscillator as NonseparableOscillator,
)
from ._one_body import (
    Kepler as Kepler,
)
from ._oscillators import (
    DampedOscillator as DampedOscillator,
    ForcedField as ForcedField,
    ForcedOscillator as ForcedOscillator,
)
from ._pendulum import (
    Pendulum as Pendulum,
)
from ._planar_n_body import (
    PlanarNBody as PlanarNBody,
)
from ._rigid_body import (
    RigidBody as RigidBody,
    RigidBodyField as RigidBodyField,
)
from ._schroedinger import (
    NonlinearSchroedinger as NonlinearSchroedinger,
    SchroedingerField as SchroedingerField,
)
from ._spring_chain import (
    SpringChain as SpringChain,
    random_chain as random_chain,
)
from ._three_body import (
    ThreeBody as ThreeBody,
)
from ._toda import (
    Toda as Toda,
)
from ._two_body import (
    TwoBody as TwoBody,
)
from ._vortices import (
    PointVortices as PointVortices,
    VortexField as VortexField,
    random_vortices as random_vortices,
)
from ._wave import (
    WaveField as WaveField,
    WaveLattice as WaveLattice,
)
