"""Step sizes of layers: fixed, free, positive, or within the bound that a property demands.

A step size is asked for `h` with the layer's `limit`: the largest step that keeps the layer
1-Lipschitz, computed anew from its weights, finite also for weights of zero, and shorter than the
true limit by its own rounding (`_layer`). Those with `limited = True` stay in `(0, limit]` (or
`[0, limit]`) whatever their parameters are, so the property holds by construction.

```python
>>> from dynnets.networks import (
...     AbstractStepSize, BoundedStepSize, ClippedStepSize, FixedStepSize, FractionStepSize,
...     PositiveStepSize)
>>> limit = 0.5  # of the layer, from its weights
>>> sizes = FractionStepSize(0.5), BoundedStepSize(0.5), ClippedStepSize(2.0)
>>> [float(size(limit)) for size in sizes], all(size.limited for size in sizes)
([0.25, 0.25, 0.5], True)
>>> float(PositiveStepSize(1.0)(None)), FixedStepSize(-0.1).positive
(1.0, False)
>>> issubclass(FixedStepSize, AbstractStepSize)
True

```
"""

import abc
import math
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_choice, check_positive, declared

NORMS = ("exact", "gram")
"""How a limit bounds `|A|`: by singular values, or by Gram iteration (faster, a little shorter)."""


class AbstractStepSize(eqx.Module):
    """The step size of a layer: `step_size(limit) -> h`.

    `positive`: never negative by construction; `limited`: never above the limit, for which `norm`,
    one of `NORMS`, says how the weights are bounded (`"exact"` unless a class says otherwise).
    """

    positive: ClassVar[bool] = False
    limited: ClassVar[bool] = False

    @declared
    def norm(self) -> Any:
        """How the weights are bounded, one of `NORMS`."""
        return "exact"

    @abc.abstractmethod
    def __call__(self, limit) -> Array | float:
        """`h`, a scalar; `limit` is `None` for sizes that are not `limited`."""


class FixedStepSize(AbstractStepSize):
    """`h` itself, never trained. Raises `ValueError` for zero and for values not finite."""

    h: float = eqx.field(static=True)

    def __check_init__(self):
        _check_nonzero(self.h)

    # of the class elsewhere, here of one step size
    @property
    def positive(self):  # pyrefly: ignore[bad-override]
        """Whether `h > 0`."""
        return self.h > 0

    def __call__(self, limit):
        """`h`."""
        return self.h


class LearnedStepSize(AbstractStepSize):
    """A free parameter that starts at `h`; it may change its sign.

    For the properties of groups of maps: volume, the symplectic form, norm, sum, orthogonality.
    """

    value: Float[Array, "*layers"]

    def __init__(self, h: float):
        _check_nonzero(h)
        self.value = jnp.zeros(()) + h

    def __call__(self, limit):
        """The parameter."""
        return self.value


class PositiveStepSize(AbstractStepSize):
    """`exp(parameter)`, starting at `h > 0`: for steps that are non-expansive at any `h > 0`."""

    logarithm: Float[Array, "*layers"]
    positive: ClassVar[bool] = True

    def __init__(self, h: float):
        check_positive("h", h)
        self.logarithm = jnp.zeros(()) + math.log(h)

    def __call__(self, limit):
        """`exp(parameter)`, of a parameter so bounded that it is neither zero nor infinite."""
        # nine tenths of the exponents of the dtype: clear of its ends by more than the rounding
        most = -0.9 * math.log(float(jnp.finfo(self.logarithm.dtype).tiny))
        return jnp.exp(jnp.clip(self.logarithm, -most, most))


class FractionStepSize(AbstractStepSize):
    """`h = fraction * limit`, the fraction in `(0, 1]` fixed; 1 is the convex potential layer."""

    fraction: float = eqx.field(default=1.0, static=True)
    norm: str = eqx.field(default="exact", static=True)
    positive: ClassVar[bool] = True
    limited: ClassVar[bool] = True

    def __check_init__(self):
        check_choice("norm", self.norm, NORMS)
        if not 0 < self.fraction <= 1:
            raise ValueError(f"fraction must lie in (0, 1], got {self.fraction}")

    def __call__(self, limit):
        """`fraction * limit`."""
        return self.fraction * limit


class BoundedStepSize(AbstractStepSize):
    """`h = sigmoid(parameter) * limit`: learned, always inside `(0, limit)`.

    **Arguments:** `fraction`: of the limit at the start, in `(0, 1)`; `norm`: one of `NORMS`.
    """

    logit: Float[Array, "*layers"]
    norm: str = eqx.field(static=True)
    positive: ClassVar[bool] = True
    limited: ClassVar[bool] = True

    def __init__(self, fraction: float = 0.5, *, norm: str = "exact"):
        check_choice("norm", norm, NORMS)
        if not 0 < fraction < 1:
            raise ValueError(f"fraction must lie in (0, 1), got {fraction}")
        self.logit, self.norm = jnp.zeros(()) + math.log(fraction / (1 - fraction)), norm

    def __call__(self, limit):
        """`sigmoid(parameter) * limit`."""
        return jax.nn.sigmoid(self.logit) * limit


class ClippedStepSize(AbstractStepSize):
    """`h = min(max(parameter, 0), limit)`, starting at `h > 0`; the limit counts as a constant."""

    value: Float[Array, "*layers"]
    norm: str = eqx.field(static=True)
    positive: ClassVar[bool] = True
    limited: ClassVar[bool] = True

    def __init__(self, h: float, *, norm: str = "exact"):
        check_positive("h", h)
        check_choice("norm", norm, NORMS)
        self.value, self.norm = jnp.zeros(()) + h, norm

    def __call__(self, limit):
        """The clipped parameter."""
        return jnp.minimum(jnp.maximum(self.value, 0), jax.lax.stop_gradient(limit))


def _check_nonzero(h) -> None:
    if not (math.isfinite(h) and h != 0):
        raise ValueError(f"a step size must be finite and not zero, got {h}")
