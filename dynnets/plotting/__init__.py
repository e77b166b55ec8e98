"""Figures: functions of arrays that return `(figure, axes)`, without global style or display.

A figure of your own looks like ours by `new_axes`, `tidy`, `line_styles` and `legend_beside`.
"""

from ._canvas import (
    colours as colours,
    legend_beside as legend_beside,
    line_styles as line_styles,
    new_axes as new_axes,
    tidy as tidy,
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
    plot_section as plot_section,
    plot_windows as plot_windows,
)
from ._forecast import (
    plot_forecast as plot_forecast,
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
from ._scaling import (
    plot_scaling as plot_scaling,
    plot_work_precision as plot_work_precision,
)
