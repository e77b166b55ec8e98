"""What training minimises, by what is compared: derivatives, trajectories, residuals, densities."""

from ._copies import (
    CopyMatching as CopyMatching,
)
from ._density import (
    NegativeBound as NegativeBound,
    negative_log_likelihood as negative_log_likelihood,
)
from ._derivative import (
    batched_field as batched_field,
    derivative_matching as derivative_matching,
)
from ._flow import (
    FlowResidual as FlowResidual,
    FlowSamples as FlowSamples,
    flow_matching as flow_matching,
    flow_samples as flow_samples,
)
from ._pixel import (
    PixelMatching as PixelMatching,
)
from ._regions import (
    Box as Box,
    StatePool as StatePool,
)
from ._trajectory import (
    OneStepMatching as OneStepMatching,
    TrajectoryMatching as TrajectoryMatching,
    step_of as step_of,
    stopped_times as stopped_times,
)
from ._variational import (
    GECO as GECO,
    Constrained as Constrained,
    FilmLoss as FilmLoss,
    constrained_optimiser as constrained_optimiser,
    film_evidence as film_evidence,
)
