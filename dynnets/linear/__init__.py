"""Structured matrices: parametrisations whose property holds for every value of the parameters."""

from ._block_tridiagonal import (
    BlockTridiagonal as BlockTridiagonal,
    solve_block_tridiagonal as solve_block_tridiagonal,
)
from ._enclosures import (
    rounding_margin as rounding_margin,
    singular_bounds as singular_bounds,
    spectrum_bounds as spectrum_bounds,
)
from ._norms import (
    gram_norm_bound as gram_norm_bound,
    norm_bound as norm_bound,
    power_norm as power_norm,
    singular_range as singular_range,
    spectral_norm as spectral_norm,
)
from ._skew import (
    low_rank_skew as low_rank_skew,
    low_rank_skew_product as low_rank_skew_product,
    pair_sums as pair_sums,
    skew_from_entries as skew_from_entries,
    skew_size as skew_size,
)
from ._symmetric import (
    positive_semidefinite as positive_semidefinite,
    skew_symmetric as skew_symmetric,
    symmetric as symmetric,
)
