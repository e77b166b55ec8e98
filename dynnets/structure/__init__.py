"""The structure algebra: the tags, what a step keeps of a field, and every tag's oracle."""

from dynnets._core import (
    DISSIPATIVE as DISSIPATIVE,
    ENERGY as ENERGY,
    MOMENTUM as MOMENTUM,
    NON_EXPANSIVE as NON_EXPANSIVE,
    NORM as NORM,
    ORTHOGONAL as ORTHOGONAL,
    POISSON as POISSON,
    REVERSIBLE as REVERSIBLE,
    SUM as SUM,
    SYMMETRIC as SYMMETRIC,
    SYMPLECTIC as SYMPLECTIC,
    TAGS as TAGS,
    VOLUME as VOLUME,
    Tag as Tag,
)

from ._algebra import (
    StructureLost as StructureLost,
    cure as cure,
    forecast_structure as forecast_structure,
    require_structure as require_structure,
    structure_of as structure_of,
    verdict as verdict,
)
from ._cancellation import (
    Cancellation as Cancellation,
    return_cancellation as return_cancellation,
)
from ._flow_oracles import (
    FlowDefect as FlowDefect,
)
from ._oracles import (
    angular_momentum as angular_momentum,
    angular_momentum_defect as angular_momentum_defect,
    dissipation_excess as dissipation_excess,
    energy_defect as energy_defect,
    expansion_excess as expansion_excess,
    momentum_defect as momentum_defect,
    norm_defect as norm_defect,
    one_step_map as one_step_map,
    orthogonality_defect as orthogonality_defect,
    poisson_defect as poisson_defect,
    reversibility_defect as reversibility_defect,
    sum_defect as sum_defect,
    symmetry_defect as symmetry_defect,
    symplecticity_defect as symplecticity_defect,
    total_momentum as total_momentum,
    volume_defect as volume_defect,
)
from ._row import Row as Row
from ._rows import (
    CLOSED as CLOSED,
    OF_STEPS as OF_STEPS,
    ROWS as ROWS,
    surviving as surviving,
)
from ._verdict import (
    CONDITIONAL as CONDITIONAL,
    EXACT as EXACT,
    LOST as LOST,
    ORDER as ORDER,
    AffineChange as AffineChange,
    Verdict as Verdict,
)
