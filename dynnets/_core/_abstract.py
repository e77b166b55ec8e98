"""The roles: what every field, energy, system and model answers to.

A class is abstract (one of these, never instantiated) or final (never subclassed).
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ._structure import Tag


class AbstractEnergy(eqx.Module):
    """A scalar function `H(t, x)` of time and state: an energy or a potential.

    `autonomous`: it does not read the time, so that the flow of `J grad H` keeps it.
    """

    @property
    def autonomous(self) -> bool:
        """True unless the class says otherwise."""
        return True

    @abc.abstractmethod
    def __call__(self, t, x) -> Array:
        """`H(t, x)`: a scalar for `x: (d,)`, shape `(N,)` for features-first `(d, N)`."""

    def gradient(self, t, x) -> Array:
        """`grad_x H(t, x)`, of the shape of `x`.

        By automatic differentiation here; energies whose gradient has a closed form override
        this with it (tested against this one).
        """
        if x.ndim == 1:
            return jax.grad(self.__call__, argnums=1)(t, x)
        t_axis = 0 if jnp.ndim(t) else None
        return jax.vmap(self.gradient, in_axes=(t_axis, -1), out_axes=-1)(t, x)


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


class AbstractSystem(eqx.Module):
    """A ground truth: energy, field, seeded sampler and, where known, the exact solution."""

    energy: eqx.AbstractVar[AbstractEnergy]
    field: eqx.AbstractVar[AbstractField]

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the state."""

    @abc.abstractmethod
    def sample(self, key: PRNGKeyArray) -> Float[Array, " dim"]:
        """An initial state, shape `(d,)`."""


class AbstractModel(eqx.Module):
    """A learned dynamical system: losses and forecasts ask for these methods by name."""

    @property
    @abc.abstractmethod
    def field(self) -> AbstractField:
        """The learned vector field."""

    @property
    @abc.abstractmethod
    def energy(self) -> AbstractEnergy | None:
        """The learned energy on the state that the model forecasts, or `None`."""

    @property
    @abc.abstractmethod
    def structure(self) -> frozenset[Tag]:
        """What the model's forecast map keeps: the meet of its field's flow and its step."""

    @abc.abstractmethod
    def predict(self, x0, ts, args=None) -> Array:
        """Forecast from `x0: (d,)` at `ts[0]`; the states at `ts: (n,)`, shape `(n, d)`."""
