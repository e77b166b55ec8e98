"""Networks of steps `net(h, x)`, SympNets for instance, as models that forecast."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import check_positive, constant_field

from ._flow import AbstractFlow


class NetworkFlow(AbstractFlow):
    """A map `net(h, x)` trained on steps up to `dt`, composed with itself beyond.

    Between multiples of `dt` the last step is a shorter one, so a net that was trained on the one
    step `dt` forecasts reliably at its multiples only; one that was trained on a range of steps
    at all times.

    **Arguments:** `net`: a `SympNet`, or any module `net(h, x)` with a `structure`, and
    `net(h, x, c)` where it reads parameters; `dt`: the longest step that it serves; `parameters`:
    `c (m,)` or `None`, not trained; `predict` takes others by its `args`.

    Preserves: what the net does, in compositions too. Cost: one net for each `dt` and each time.
    Raises `ValueError` for a `dt` that is not positive.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import NetworkFlow
    >>> from dynnets.networks import sympnet_la
    >>> model = NetworkFlow(sympnet_la(2, key=jr.key(0)), 0.1)
    >>> model.predict(jnp.array([1.0, 0.0]), jnp.linspace(0.0, 1.0, 11)).shape
    (11, 2)

    ```
    """

    net: Any
    parameters: Float[Array, " m"] | None = constant_field()
    dt: float = eqx.field(static=True)

    def __init__(self, net, dt: float | int, *, parameters=None):
        check_positive("dt", dt)
        self.net, self.parameters, self.dt = net, parameters, float(dt)

    @property
    def structure(self):
        """That of the net."""
        return self.net.structure

    def __call__(self, t, x0):
        """`net(t, x0)`: `x0 (d,)` or `(d, N)`, `t` a scalar or `(N,)`."""
        if self.parameters is None:
            return self.net(t, x0)
        return self.net(t, x0, self.parameters)

    def inverse(self, t, x):
        """The `x0` with `N(t, x0) = x`, where the net has an inverse."""
        if self.parameters is None:
            return self.net.inverse(t, x)
        return self.net.inverse(t, x, self.parameters)

    def predict(self, x0, ts, args=None):
        """Forecast from `x0: (d,)` at `ts[0]` (or `(d, N)`): states at `ts: (n,)`, `(n, d)`.

        `args`: parameters `c (m,)` in place of the model's own. Raises `ValueError` for an initial
        state that is not finite and times that do not increase.
        """
        flow = (
            self if args is None else NetworkFlow(self.net, self.dt, parameters=jnp.asarray(args))
        )
        return AbstractFlow.predict(flow, x0, ts)
