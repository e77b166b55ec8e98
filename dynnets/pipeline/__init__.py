"""The main job: from a measured record to a forecast, a table, figures and a certificate."""

from ._candidates import (
    DISSIPATIVE as DISSIPATIVE,
    Candidate as Candidate,
    candidates as candidates,
)
from ._learn import (
    learn as learn,
)
from ._record import (
    Record as Record,
    prepare as prepare,
)
from ._report import (
    Report as Report,
    Row as Row,
)
from ._saved import (
    SavedForecast as SavedForecast,
    certify_saved as certify_saved,
    forecast_saved as forecast_saved,
    load_learned as load_learned,
    remembered as remembered,
)
from ._solar_scores import (
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
from ._solar_system import (
    FORCE as FORCE,
    KEPLER as KEPLER,
    NEURAL as NEURAL,
    NEWTON as NEWTON,
    PAIRWISE as PAIRWISE,
    SOLAR_CANDIDATES as SOLAR_CANDIDATES,
    SOLAR_FULL as SOLAR_FULL,
    SOLAR_QUICK as SOLAR_QUICK,
    SolarBudget as SolarBudget,
    SolarData as SolarData,
    SolarFit as SolarFit,
    masses_at_rest as masses_at_rest,
    solar_data as solar_data,
    train_solar_system as train_solar_system,
)
from ._train import (
    Budget as Budget,
    Trained as Trained,
    train as train,
)
