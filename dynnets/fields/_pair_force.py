"""A learned pair force without energy, masses or Newton's third law: the unstructured partner."""

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_positive, check_size, constant_field, join_phase, split_phase
from dynnets.nn import MLP

from ._abstract import AbstractField


class PairForceField(AbstractField):
    """`q' = v`, `v_i' = s_i sum_j net(log r_ij, e_i, e_j) (r_j - r_i) / r_ij`.

    One net gives the acceleration of body `i` towards body `j` from their distance and from
    which bodies they are (unit vectors `e`). Nothing ties the force of `j` on `i` to that of `i`
    on `j`, and there is no energy: the exact flow preserves nothing, although every force is
    central. State `(q, v)`, body by body.

    **Arguments:**

    - `accelerations`: `s`, typical size of the acceleration of each body, `(bodies,)`, not
      trained: it only scales the output of the net.
    - `space_dim`; `low`, `high`: distances between which the data lie.
    - `named`: whether the net sees which bodies they are; without, one law serves them all, and
      as many more as there may be.
    - `width`, `depth`, `key`: the arguments of the net.

    Raises `ValueError` unless `0 < low < high`. Cost: the net at `bodies (bodies - 1)` pairs.
    """

    net: MLP
    space_dim: int = eqx.field(static=True)
    middle: float = eqx.field(static=True)
    half: float = eqx.field(static=True)
    named: bool = eqx.field(static=True)
    accelerations: Float[Array, " bodies"] = constant_field()
    features_first: ClassVar[bool] = True

    def __init__(
        self,
        accelerations,
        space_dim: int,
        low: float,
        high: float,
        width: int = 32,
        depth: int = 2,
        *,
        named: bool = True,
        key: PRNGKeyArray,
    ):
        check_size("space_dim", space_dim)
        check_positive("low", low)
        if high <= low:
            raise ValueError(f"the distances must increase, got low = {low}, high = {high}")
        if jnp.ndim(accelerations) != 1:
            raise ValueError(f"accelerations must be (bodies,), got {jnp.shape(accelerations)}")
        names = 2 * accelerations.shape[0] if named else 0
        self.net = MLP(1 + names, 1, width, depth, key=key)
        self.named, self.accelerations, self.space_dim = named, accelerations, space_dim
        ends = np.log([low, high])
        self.middle, self.half = float(ends.mean()), float(ends[1] - ends[0]) / 2

    @property
    def bodies(self) -> int:
        """Number of bodies."""
        return self.accelerations.shape[-1]

    @property
    def structure(self):
        """The empty set."""
        return frozenset()

    def _features(self, r):
        """`(1 + 2 bodies, pairs * N)` from the distances `(pairs, N)` of all ordered pairs, or
        `(1, pairs * N)` without names.
        """
        u = ((jnp.log(r) - self.middle) / self.half).reshape(1, -1)
        if not self.named:
            return u
        which = np.zeros((2 * self.bodies, r.shape[0], 1))
        to, other = _ordered_pairs(self.bodies)
        which[to, np.arange(len(to))] = 1
        which[self.bodies + other, np.arange(len(to))] = 1
        names = jnp.broadcast_to(jnp.asarray(which, r.dtype), (2 * self.bodies, *r.shape))
        return jnp.concatenate([u, names.reshape(2 * self.bodies, -1)])

    def drift(self, t, v, args=None):
        """`dq/dt = v`."""
        return v

    def kick(self, t, q, args=None):
        """`dv/dt`, of the shape of `q`."""
        points = q.reshape(self.bodies, self.space_dim, -1)
        to, other = _ordered_pairs(self.bodies)
        towards = points[other] - points[to]
        r = jnp.sqrt(jnp.sum(towards**2, axis=1))
        pull = self.net(self._features(r)).reshape(r.shape) / r
        # the pairs of one body stand together, so their sum is a sum over an axis
        terms = (pull[:, None] * towards).reshape(self.bodies, self.bodies - 1, *points.shape[1:])
        scale = jax.lax.stop_gradient(self.accelerations)[:, None, None]
        return (scale * jnp.sum(terms, axis=1)).reshape(q.shape)

    def __call__(self, t, x, args=None):
        """`(v, dv/dt)`."""
        q, v = split_phase(x)
        return join_phase(v, self.kick(t, q, args))


def _ordered_pairs(bodies: int) -> tuple[np.ndarray, np.ndarray]:
    """`(i, j)`, `i != j`, all pairs of one `i` together."""
    every = [(i, j) for i in range(bodies) for j in range(bodies) if i != j]
    return tuple(np.array(every).T)  # type: ignore[return-value]
