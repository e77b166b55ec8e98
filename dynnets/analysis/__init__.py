"""Measurements of structure and forecasts, and the certificates made of them."""

from ._certificates import (
    GRADES as GRADES,
    Certificate as Certificate,
    CertificateLine as CertificateLine,
    certify as certify,
)
from ._forecast import (
    angular_error as angular_error,
    drift_rate as drift_rate,
    energy_drift as energy_drift,
    error_growth as error_growth,
    forecast_error as forecast_error,
    rms as rms,
    time_scale as time_scale,
    valid_time as valid_time,
)
from ._modified import (
    ModifiedField as ModifiedField,
    mismatch as mismatch,
    modified_energy as modified_energy,
    modified_field as modified_field,
    warn_if_mismatched as warn_if_mismatched,
)
from ._order import (
    observed_order as observed_order,
)
from ._rigorous import (
    lipschitz_bound as lipschitz_bound,
    range_bound as range_bound,
    spectrum_bounds as spectrum_bounds,
)
from ._sampled import (
    sample_domain as sample_domain,
)
from ._sections import (
    Section as Section,
    poincare_section as poincare_section,
    section_spread as section_spread,
)
