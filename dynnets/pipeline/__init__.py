"""The main job: from a measured record to a forecast, a table, figures and a certificate."""

from ._candidates import (
    Candidate as Candidate,
    candidates as candidates,
)
from ._learn import learn as learn
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
from ._train import (
    Budget as Budget,
    Trained as Trained,
    train as train,
)
