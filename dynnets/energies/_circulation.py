"""Energies of vortex-like bodies, summed over all pairs."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, PRNGKeyArray

from dynnets._core import check_positive, constant_field, join_phase, split_phase
from dynnets.nn import MLP

from ._abstract import AbstractEnergy
from ._pair_laws import AbstractPairLaw
from ._pairwise import incidence, pair_differences, pairs


class DistanceLaw(AbstractPairLaw):
    """`phi(r) = s net(r)`: a net of the distance itself, without any form put into it.

    **Arguments:** `low`, `high`: the distances between which the data lie; the net sees them as
    `[-1, 1]` and goes on in a straight line beyond. `width`, `depth`, `activation`, `key`: as
    `MLP`; `scale` `s > 0`: typical size of the energy, not trained.
    Raises `ValueError` unless `0 <= low < high` and for a scale that is not positive.
    """

    net: MLP
    low: float = eqx.field(static=True)
    high: float = eqx.field(static=True)
    scale: float = eqx.field(static=True)

    def __init__(
        self,
        low: float,
        high: float,
        width: int = 32,
        depth: int = 2,
        *,
        activation: str = "tanh",
        scale: float = 1.0,
        key: PRNGKeyArray,
    ):
        if not 0 <= low < high:
            raise ValueError(f"the distances must increase from 0, got low = {low}, high = {high}")
        check_positive("scale", scale)
        self.net = MLP(1, 1, width, depth, activation=activation, final_bias=False, key=key)
        self.low, self.high, self.scale = float(low), float(high), float(scale)

    def _row(self, r):
        half = (self.high - self.low) / 2
        return ((r - self.low) / half - 1).reshape(1, -1), half

    def __call__(self, r):
        """`s net(r)`."""
        row, _ = self._row(r)
        return self.scale * self.net(row)[0].reshape(r.shape)

    def slope(self, r):
        """`s net'(r)`."""
        row, half = self._row(r)
        return (self.scale / half) * self.net.gradient(row)[0].reshape(r.shape)


def pair_geometry(x, args):
    """Circulations that go with `x`, and of every pair: their product, `x_i - x_j`, `y_i - y_j`."""
    q, p = split_phase(x)
    if args is None:
        raise ValueError("the circulations come through args, shape (n,), got None")
    strength = jnp.asarray(args, x.dtype)
    if strength.shape[0] != q.shape[0]:
        raise ValueError(f"{q.shape[0]} bodies need as many circulations, got {strength.shape}")
    strength = strength.reshape(strength.shape + (1,) * (q.ndim - strength.ndim))
    first, second = pairs(q.shape[0])
    dx, dy = (pair_differences(part, q.shape[0], 1)[:, 0] for part in (q, p))
    return strength, strength[first] * strength[second], dx, dy


class CirculationEnergy(AbstractEnergy):
    """`H = sum_{i<j} G_i G_j phi(r_ij)` of places `(x_1, ..., x_n, y_1, ..., y_n)`.

    **Arguments:** `law`: `phi`; `circulations`: `G (n,)`, or `(n, N)` beside a batch; not trained.
    Invariant under translations, rotations and permutations for every `phi`.
    """

    law: AbstractPairLaw
    circulations: Array = constant_field()

    def __call__(self, t, x):
        """`H(x)`."""
        _, product, dx, dy = pair_geometry(x, self.circulations)
        return jnp.sum(product * self.law(jnp.sqrt(dx**2 + dy**2)), axis=0)

    def gradient(self, t, x):
        """`dH/dz_i = sum_j G_i G_j phi'(r_ij) (z_i - z_j) / r_ij`, in closed form."""
        _, product, dx, dy = pair_geometry(x, self.circulations)
        r = jnp.sqrt(dx**2 + dy**2)
        pull = product * self.law.slope(r) / r
        gather = incidence(x.shape[0] // 2, x.dtype).T
        return join_phase(*(jnp.tensordot(gather, pull * part, 1) for part in (dx, dy)))
