"""Figures: functions of arrays that return `(figure, axes)`, without global style or display."""

from ._density import (
    plot_planes as plot_planes,
)
from ._diagram import (
    plot_graphical_models as plot_graphical_models,
)
from ._energy import (
    plot_energy as plot_energy,
)
from ._error_growth import (
    plot_error_growth as plot_error_growth,
)
from ._field import (
    plot_field as plot_field,
)
from ._film import (
    plot_films as plot_films,
)
from ._flow import (
    plot_flow_orbits as plot_flow_orbits,
    plot_residuals as plot_residuals,
    plot_section as plot_section,
    plot_windows as plot_windows,
)
from ._forecast import (
    plot_forecast as plot_forecast,
)
from ._heat_map import (
    plot_heat_map as plot_heat_map,
)
from ._laws import (
    plot_law as plot_law,
)
from ._orbits import (
    plot_orbits as plot_orbits,
)
from ._phase_portrait import (
    plot_phase_portrait as plot_phase_portrait,
)
from ._room import (
    plot_room as plot_room,
)
from ._scaling import (
    plot_scaling as plot_scaling,
    plot_work_precision as plot_work_precision,
)
