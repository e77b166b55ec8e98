"""Ground truths: energy, field, seeded sampler and, where known, the exact solution."""

from ._double_pendulum import DoublePendulum as DoublePendulum
from ._harmonic import Harmonic as Harmonic
from ._henon_heiles import HenonHeiles as HenonHeiles
from ._kepler import (
    advance_kepler as advance_kepler,
    anomaly_change as anomaly_change,
)
from ._oscillators import (
    DampedOscillator as DampedOscillator,
    ForcedField as ForcedField,
    ForcedOscillator as ForcedOscillator,
)
from ._pendulum import (
    Pendulum as Pendulum,
    advance_pendulum as advance_pendulum,
)
from ._spring_chain import (
    SpringChain as SpringChain,
    random_chain as random_chain,
)
from ._three_body import ThreeBody as ThreeBody
from ._two_body import TwoBody as TwoBody
