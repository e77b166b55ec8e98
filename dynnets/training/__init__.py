"""Training: one loop for every model, losses that ask for methods, models as one file."""

from dynnets._core import serialisable as serialisable

from ._ensemble import (
    stack_models as stack_models,
    unstack as unstack,
)
from ._export import (
    ExportedMap as ExportedMap,
    export as export,
    load_exported as load_exported,
)
from ._fit import fit as fit
from ._history import (
    History as History,
    Record as Record,
)
from ._initial_state_fit import (
    STATE_FITS as STATE_FITS,
    InitialStateFit as InitialStateFit,
    StateFit as StateFit,
    fit_initial_states as fit_initial_states,
)
from ._initial_states import (
    FreeInitialStates as FreeInitialStates,
    IndexedTrials as IndexedTrials,
    index_trials as index_trials,
)
from ._interrupt import FitInterrupted as FitInterrupted
from ._least_squares import (
    LeastSquaresResult as LeastSquaresResult,
    fit_least_squares as fit_least_squares,
)
from ._losses_copies import CopyMatching as CopyMatching
from ._losses_density import (
    NegativeBound as NegativeBound,
    negative_log_likelihood as negative_log_likelihood,
)
from ._losses_derivative import derivative_matching as derivative_matching
from ._losses_flow import (
    FlowResidual as FlowResidual,
    FlowSamples as FlowSamples,
    flow_matching as flow_matching,
    flow_samples as flow_samples,
)
from ._losses_pixel import PixelMatching as PixelMatching
from ._losses_trajectory import (
    OneStepMatching as OneStepMatching,
    TrajectoryMatching as TrajectoryMatching,
)
from ._losses_variational import (
    GECO as GECO,
    Constrained as Constrained,
    FilmLoss as FilmLoss,
    constrained_optimiser as constrained_optimiser,
    film_evidence as film_evidence,
)
from ._march import (
    MarchResult as MarchResult,
    march as march,
)
from ._proximal import (
    CoefficientPenalty as CoefficientPenalty,
    soft_threshold as soft_threshold,
)
from ._regions import (
    Box as Box,
    StatePool as StatePool,
)
from ._result import (
    FitResult as FitResult,
    Status as Status,
)
from ._serialisation import (
    load_model as load_model,
    read_metadata as read_metadata,
    save_model as save_model,
)
from ._sparse import (
    SparseFit as SparseFit,
    fit_sparse as fit_sparse,
)
from ._stages import (
    START_STATES as START_STATES,
    Stage as Stage,
    StagesResult as StagesResult,
    fit_stages as fit_stages,
    srnn_stages as srnn_stages,
)
