"""Vortex-like bodies with a learned law: first-order motion, one energy summed over all pairs."""

from typing import Any, ClassVar

import jax.numpy as jnp

from dynnets._core import VOLUME, symplectic_gradient
from dynnets.energies import AbstractPairLaw, CirculationEnergy, pair_geometry

from ._abstract import AbstractField


class CirculationField(AbstractField):
    """`G_i x_i' = dH/dy_i`, `G_i y_i' = -dH/dx_i` with `H = sum_{i<j} G_i G_j phi(r_ij)`.

    Vortices with a learned law `phi`, on places `(x_1, ..., x_n, y_1, ..., y_n)`; the
    circulations `G`, of either sign, come through `args`, so one law serves any number of bodies,
    and those of a batch may differ. Point vortices are `phi = -log(r) / (2 pi)`.

    Preserves, for every `phi`: volume, `H`, the form `sum_i G_i dx_i dy_i`, the impulse
    `sum_i G_i z_i` and `sum_i G_i |z_i|^2`; all but the first depend on `args`, so no tag names
    them. `paired`: the bracket pairs `x_i` with `y_i` alone, as Tao's doubling needs; the doubled
    step keeps the impulse of the copies too. Cost: `n (n - 1) / 2` slopes of the law.

    **Arguments:** `law`: an `AbstractPairLaw`, such as `DistanceLaw`. Raises `ValueError` when
    called without circulations, or with another number of them.
    """

    law: AbstractPairLaw
    features_first: ClassVar[bool] = True
    paired: ClassVar[bool] = True

    @property
    def structure(self):
        """`{VOLUME}`."""
        return frozenset({VOLUME})

    def energy_of(self, circulations) -> CirculationEnergy:
        """`H` for these circulations."""
        return CirculationEnergy(self.law, circulations)

    def __call__(self, t, x, args: Any = None):
        """`(dH/dy / G, -dH/dx / G)`, `args`: the circulations `G`."""
        strength, *_ = pair_geometry(x, args)
        rates = symplectic_gradient(CirculationEnergy(self.law, args).gradient(t, x))
        return rates / jnp.concatenate([strength, strength])
