"""The role of models of pictures and other observations: the dynamics of a latent state."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import Tag, check_size, declared
from dynnets.energies import AbstractEnergy
from dynnets.fields import AbstractField
from dynnets.integrators import rollout

from .._abstract import AbstractModel


class AbstractLatentModel(AbstractModel):
    """A model whose `dynamics` move a latent state, which observations are decoded from.

    A subclass defines `dynamics`, `encode` and `decode`; arrays are features-first, with the axes
    of a batch last. Optional parts:

    - `posterior(observations)`: mean and log-deviation, each `(k, *batch)`, of the normal
      distribution of a code given the first observations of a film; absent (`None`) for a model
      whose encoder is deterministic. Variational losses need it; its prior is standard normal.
    - `frames`: how many observations `posterior` and `encode` look at, one by default.
    - `interval`: the time between two observations of a film, in the units of `predict`; 1 by
      default.
    - `initial_state(z)`: the latent state at the first observation, of a code; the code itself by
      default.
    - `states(s0, count, speed=)`: the latent states at so many observations; by the step of
      `dynamics` by default, or by its `predict`.
    """

    dynamics: eqx.AbstractVar[AbstractModel]

    posterior = declared(None)
    frames = declared(1)
    interval = declared(1.0)

    @property
    def field(self) -> AbstractField | None:
        """The vector field of the latent state."""
        return self.dynamics.field

    @property
    def energy(self) -> AbstractEnergy | None:
        """The learned energy of the latent state, `None` for latent dynamics without one."""
        return self.dynamics.energy

    @property
    def structure(self) -> frozenset[Tag]:
        """What the forecast map of the latent state keeps."""
        return self.dynamics.structure

    @abc.abstractmethod
    def encode(self, observations) -> Array:
        """The latent state `(d, *batch)` at the first of the observations."""

    @abc.abstractmethod
    def decode(self, s) -> Array:
        """The observation of a latent state `s (d, *batch)`, its own axes before those of batch."""

    def initial_state(self, z: Float[Array, " k *batch"]) -> Float[Array, " d *batch"]:
        """The latent state of a code: the code itself."""
        return z

    def states(
        self, s0: Float[Array, " d *batch"], pictures: int, *, speed: float | int = 1.0
    ) -> Float[Array, "pictures d *batch"]:
        """The states at so many observations, at least two, from `s0` at the first one.

        `speed`: 2 for every other observation of the film, 0.5 for twice as many, -1 to go back,
        which dynamics without a step of their own refuse by `ValueError`.
        """
        check_size("pictures", pictures, 2)
        inner = self.dynamics
        if inner.step is not None:
            grid = (speed * self.interval, pictures - 1)
            return rollout(inner.step, inner.field, s0, grid, substeps=inner.substeps).xs
        ts = speed * self.interval * jnp.arange(pictures, dtype=s0.dtype)
        columns = s0.reshape(s0.shape[0], -1)
        found = jax.vmap(lambda s: inner.predict(s, ts), in_axes=-1, out_axes=-1)(columns)
        return found.reshape(pictures, *s0.shape)

    def predict(self, x0, ts, args=None) -> Array:
        """Forecast from the first observations `x0`, the first of them at `ts[0]`.

        The decoded states at `ts: (n,)`, shape `(n, ...)`: the first is the model's own picture
        of `x0`. `args` is the input of `dynamics`.
        """
        states = self.dynamics.predict(self.encode(x0), ts, args)
        return jnp.moveaxis(self.decode(states.T), -1, 0)
