"""What all benchmarks share; what a benchmark needs in any case has its address here.

Importing it imports no JAX, so that a benchmark can set the device and the precision before.
"""

from .experiment import (
    MissingData as MissingData,
    Result as Result,
    Row as Row,
    Settings as Settings,
    at_least as at_least,
    at_most as at_most,
    median as median,
)
