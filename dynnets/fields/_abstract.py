"""The role of every vector field."""

import abc
from typing import ClassVar

import equinox as eqx
from jaxtyping import Array

from dynnets._core import Tag


class AbstractField(eqx.Module):
    """A vector field `x' = f(t, x, args)`; `diffrax.ODETerm` takes it unchanged.

    A field may offer parts to the steps that need them: `kick(t, q, args)` is `dp/dt` as a
    function of the coordinates, `drift(t, p, args)` is `dq/dt` as a function of the momenta,
    `energy` is the `AbstractEnergy` behind it.
    `features_first` says whether the field also takes a batch `(d, N)` as one expression
    (times then are a scalar or `(N,)`).
    `shear`: the Jacobian is similar to its negative along whole steps, by one involution as for a
    sum of two shears, or as a nonnegative diagonal times one skew matrix;
    `gradient_flow`: the field is `-grad V` of its `energy`.
    """

    features_first: ClassVar[bool] = False
    shear: ClassVar[bool] = False
    gradient_flow: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the exact flow of the field keeps."""

    @abc.abstractmethod
    def __call__(self, t, x, args=None) -> Array:
        """`f(t, x, args)`, of the shape of `x`: `(d,)`, or features-first `(d, N)`."""
