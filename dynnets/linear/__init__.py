"""Structured matrices: parametrisations whose property holds for every value of the parameters."""

from ._symmetric import (
    positive_semidefinite as positive_semidefinite,
    skew_symmetric as skew_symmetric,
)
