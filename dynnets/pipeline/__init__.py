"""The main job: from a measured record to a forecast, a table, figures and a certificate."""

from ._learn import (
    learn as learn,
)
from ._report import (
    Report as Report,
    Row as Row,
)
from ._run import (
    run as run,
)
from ._saved import (
    SavedForecast as SavedForecast,
    certify_saved as certify_saved,
    forecast_saved as forecast_saved,
    load_learned as load_learned,
    remembered as remembered,
)
from ._solar._candidates import (
    FORCE as FORCE,
    KEPLER as KEPLER,
    NEURAL as NEURAL,
    NEWTON as NEWTON,
    PAIRWISE as PAIRWISE,
    SOLAR_CANDIDATES as SOLAR_CANDIDATES,
    SOLAR_FULL as SOLAR_FULL,
    SOLAR_QUICK as SOLAR_QUICK,
    SolarBudget as SolarBudget,
)
from ._solar._data import (
    SolarData as SolarData,
    masses_at_rest as masses_at_rest,
    solar_data as solar_data,
)
from ._solar._scores import (
    CEILING as CEILING,
    PLANETS as PLANETS,
    SOLAR_HORIZONS as SOLAR_HORIZONS,
    SolarForecast as SolarForecast,
    SolarLaw as SolarLaw,
    ceiling_forecast as ceiling_forecast,
    forecast_solar_system as forecast_solar_system,
    known_masses as known_masses,
    learned_law as learned_law,
)
from ._solar._task import (
    solar_task as solar_task,
)
from ._solar._train import (
    train_solar_system as train_solar_system,
)
from ._tables._record import (
    Record as Record,
    prepare as prepare,
)
from ._tables._task import (
    table_task as table_task,
)
from ._tables._train import (
    Budget as Budget,
)
from ._task import (
    BASELINE as BASELINE,
    CONSERVATIVE as CONSERVATIVE,
    DAMPED as DAMPED,
    Advice as Advice,
    Candidate as Candidate,
    Learned as Learned,
    Memory as Memory,
    Task as Task,
    Trained as Trained,
)
