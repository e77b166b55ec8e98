"""What the models that forecast by fixed steps of one field share."""

import equinox as eqx

from dynnets._core import Tag, check_size
from dynnets.integrators import AbstractStep, check_parts
from dynnets.structure import forecast_structure

from ._abstract import AbstractModel
from ._forecast import forecast


class AbstractStepModel(AbstractModel):
    """A model with a `field` and the `step` that forecasts with it, `substeps` times per interval.

    Raises `ValueError` at construction for a field that lacks a part which the step needs, and
    for `substeps` below one.
    """

    step: eqx.AbstractVar[AbstractStep]
    substeps: eqx.AbstractVar[int]

    def __check_init__(self):
        check_size("substeps", self.substeps)
        check_parts(self.step, self.field)

    @property
    def structure(self) -> frozenset[Tag]:
        """What the forecast map keeps: the field's tags that the step keeps too.

        Nothing under a step on pairs of states, such as `Tao`, see `forecast_structure`.
        """
        return forecast_structure(self.step, self.field)

    def predict(self, x0, ts, args=None):
        """Forecast from `x0: (d,)` at `ts[0]`: states at `ts: (n,)`, shape `(n, d)`.

        `args` is the input: `None`, `(m,)` held constant, its values at `ts` `(n, m)`, a diffrax
        interpolation, or a function `u(t)`.
        """
        return forecast(self.step, self.field, x0, ts, args, substeps=self.substeps)
