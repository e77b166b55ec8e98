"""Training: one loop for every model, losses that ask for methods, models as one file."""

from dynnets._core import (
    decode as decode,
    encode as encode,
    serialisable as serialisable,
    trainable as trainable,
)

from ._ensemble import (
    stack_models as stack_models,
    unstack as unstack,
)
from ._export import (
    ExportedMap as ExportedMap,
    export as export,
    load_exported as load_exported,
)
from ._fit import (
    fit as fit,
)
from ._history import (
    History as History,
    Record as Record,
)
from ._initial_state_fit import (
    InitialStateFit as InitialStateFit,
    StateFit as StateFit,
    fit_initial_states as fit_initial_states,
)
from ._initial_states import (
    FreeInitialStates as FreeInitialStates,
    IndexedTrials as IndexedTrials,
    index_trials as index_trials,
)
from ._interrupt import (
    FitInterrupted as FitInterrupted,
)
from ._least_squares import (
    LeastSquaresResult as LeastSquaresResult,
    fit_least_squares as fit_least_squares,
)
from ._march import (
    MarchResult as MarchResult,
    march as march,
)
from ._proximal import (
    CoefficientPenalty as CoefficientPenalty,
    soft_threshold as soft_threshold,
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
    Stage as Stage,
    StagesResult as StagesResult,
    fit_stages as fit_stages,
    srnn_stages as srnn_stages,
)
