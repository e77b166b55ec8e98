"""What everything else stands on: roles, structure tags, phase space, checks."""

from ._assemble import (
    assemble as assemble,
)
from ._checks import (
    check_choice as check_choice,
    check_finite as check_finite,
    check_increasing as check_increasing,
    check_key as check_key,
    check_phase_dim as check_phase_dim,
    check_positive as check_positive,
    check_size as check_size,
    grid_times as grid_times,
    time_grid as time_grid,
)
from ._constant import (
    constant_field as constant_field,
    trainable as trainable,
)
from ._declared import (
    Bound as Bound,
    declared as declared,
)
from ._dependence import (
    HalfDependence as HalfDependence,
    half_dependence as half_dependence,
)
from ._newton import (
    implicit_root as implicit_root,
    newton as newton,
    stationary_point as stationary_point,
    stationary_value as stationary_value,
    update_scale as update_scale,
)
from ._phase import (
    canonical_matrix as canonical_matrix,
    join_phase as join_phase,
    split_phase as split_phase,
    symplectic_gradient as symplectic_gradient,
)
from ._regular import (
    solve_regular as solve_regular,
)
from ._serialisable import (
    decode as decode,
    encode as encode,
    serialisable as serialisable,
)
from ._tags import (
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
