"""Where fresh points are drawn from: a box, or a pool of states."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_finite


class Box(eqx.Module):
    """The box `low <= x <= high`, both `(d,)`: `fit` takes it as its data.

    Raises `ValueError` for bounds that are not finite, of unequal shape, or out of order.
    """

    low: Float[Array, " d"]
    high: Float[Array, " d"]

    def __check_init__(self):
        if isinstance(self.low, jax.core.Tracer):
            return
        check_finite("low", self.low)
        check_finite("high", self.high)
        if self.low.ndim != 1 or self.low.shape != self.high.shape:
            raise ValueError(
                f"a box needs two rows (d,), got shapes {self.low.shape} and {self.high.shape}"
            )
        if not bool((self.low < self.high).all()):
            i = int(jnp.argmin(self.high - self.low))
            raise ValueError(f"a box needs low < high, got {self.low[i]} and {self.high[i]}")

    def draw(self, key: PRNGKeyArray, points: int) -> Float[Array, "d points"]:
        """Uniform states, features-first."""
        low, high = self.low[:, None], self.high[:, None]
        return low + (high - low) * jr.uniform(key, (low.shape[0], points), low.dtype)


class StatePool(eqx.Module):
    """Given states `(N, d)`, drawn with replacement; one state makes a pool too.

    For regions that no box fits, such as the states of bounded orbits. Raises `ValueError` for
    another shape and states that are not finite.
    """

    states: Float[Array, "N d"]

    def __check_init__(self):
        if isinstance(self.states, jax.core.Tracer):
            return
        if jnp.ndim(self.states) != 2 or self.states.shape[0] < 1:
            raise ValueError(f"a pool holds states (N, d), got shape {jnp.shape(self.states)}")
        check_finite("states", self.states)

    def draw(self, key: PRNGKeyArray, points: int) -> Float[Array, "d points"]:
        """States of the pool, features-first."""
        index = jr.randint(key, (points,), 0, self.states.shape[0])
        return self.states.at[index].get(mode="promise_in_bounds").T
