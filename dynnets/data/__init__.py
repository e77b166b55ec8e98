"""Measured and simulated data: trajectory sets, loaders, windows, splits, derivatives."""

from ._batch import (
    AbstractBatch as AbstractBatch,
    batch_part as batch_part,
)
from ._render import (
    render_discs as render_discs,
    render_mass_spring as render_mass_spring,
    render_pendulum as render_pendulum,
    render_two_body as render_two_body,
)
from ._schmidt_lipson import (
    load_schmidt_lipson as load_schmidt_lipson,
)
from ._silverbox import (
    Silverbox as Silverbox,
    load_silverbox as load_silverbox,
)
from ._simulate import (
    simulate as simulate,
)
from ._solar_system import (
    OUTER_SOLAR_SYSTEM as OUTER_SOLAR_SYSTEM,
    load_solar_system as load_solar_system,
)
from ._table import (
    load_table as load_table,
)
from ._trajectories import (
    Samples as Samples,
    Trajectories as Trajectories,
    Trial as Trial,
)
from ._windows import (
    central_velocities as central_velocities,
    forward_differences as forward_differences,
    midpoint_derivatives as midpoint_derivatives,
    samples as samples,
    split_counts as split_counts,
    split_fractions as split_fractions,
    split_time as split_time,
    windows as windows,
)
