"""What becomes of one tag of a field under one step, and under a change of units."""

from typing import NamedTuple

import jax
import numpy as np

from dynnets._core import Tag

EXACT, ORDER, CONDITIONAL, LOST = "exact", "order", "conditional", "lost"
STATUSES = (EXACT, ORDER, CONDITIONAL, LOST)
"""`exact`: for every `h` (implicit: to the solver's tolerance; a tag that is `one_way`: for every
`h > 0`); `order`: the defect of one step is `O(h^(r + 1))`; `conditional`: exact while `h` times
the field's constant is at most a bound; `lost`: for every `h > 0`, or only for steps too small to
be named."""


class Verdict(NamedTuple):
    """What becomes of one tag of a field under one step.

    - `status`: `EXACT`, `ORDER`, `CONDITIONAL` or `LOST`; `order`: the `r` of `order`.
    - `bound`: of `conditional`: the tag holds while `0 < h * constant <= bound`, with `constant`
      the field's `nu` (`|A|^2`) for NON_EXPANSIVE and the Lipschitz constant `L` of the gradient
      for DISSIPATIVE gradient flows; infinite or `None` where there is no such bound.
    - `statement`: in words.
    """

    tag: Tag
    status: str
    order: int | None = None
    bound: float | None = None
    statement: str = ""

    @property
    def holds(self) -> bool:
        """Whether the tag is kept for every step size (`one_way`: for every positive one)."""
        return self.status == EXACT


class AffineChange(NamedTuple):
    """A change of units `x = centre + scale * x'`, `u = input_centre + input_scale * u'`.

    **Arguments:** `scale`, `centre`: `(d,)`, scales positive; `input_centre`: `(m,)`, or `None`
    without input. A stack of changes has leading axes. What is asked of values that are being
    traced is answered by "no": a property that cannot be checked is not claimed.
    """

    scale: object
    centre: object
    input_centre: object = None

    @property
    def uniform(self) -> bool:
        """Whether all components have the same size, to the digit: distances keep their ratios."""
        scale = _values(self.scale)
        return scale is not None and bool((scale == scale[..., :1]).all())

    @property
    def centred(self) -> bool:
        """Whether the origin stays where it is."""
        centre = _values(self.centre)
        return centre is not None and not centre.any()

    @property
    def equal_areas(self) -> bool:
        """Whether all pairs `(q_i, p_i)` have the same area `scale_i scale_(n + i)`.

        To the rounding of the products: 4 units in the last place.
        """
        scale = _values(self.scale)
        if scale is None or scale.shape[-1] % 2:
            return False
        q, p = np.split(scale, 2, axis=-1)
        areas = q * p
        unit = 4 * float(np.finfo(areas.dtype).eps)
        return bool((abs(areas - areas[..., :1]) <= unit * areas[..., :1]).all())

    @property
    def equal_rates(self) -> bool:
        """Whether the second half of the state, velocities or momenta, has one size."""
        scale = _values(self.scale)
        if scale is None or scale.shape[-1] % 2:
            return False
        rates = np.split(scale, 2, axis=-1)[1]
        return bool((rates == rates[..., :1]).all())

    @property
    def keeps_no_input(self) -> bool:
        """Whether no input in one unit is no input in the other."""
        if self.input_centre is None:
            return True
        centre = _values(self.input_centre)
        return centre is not None and not centre.any()


def _values(array) -> np.ndarray | None:
    return None if isinstance(array, jax.core.Tracer) else np.asarray(array)
