"""Dynamics learned from pictures: an autoencoder around a model of its latent state."""

import math

import equinox as eqx
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_phase_dim, check_size
from dynnets.nn import Autoencoder

from .._abstract import AbstractModel
from .._mechanics._hnn import HNN
from ._abstract import AbstractLatentModel


class PixelHNN(AbstractLatentModel):
    """A Hamiltonian neural network on the latent state `z = (z_q, z_p)` of an autoencoder.

    What is observed is a stack of consecutive pictures (two of them show position and
    velocity). `encode` maps it to `z`, the latent model moves `z`, `decode` maps back. Trained by
    `PixelMatching`, after which the unit of time is the time between two pictures and
    `z_p(t) = z_q(t+1) - z_q(t)` up to the loss.

    **Arguments:**

    - `shape`: of an observation, `(2, rows, columns)`, or any other shape of numbers.
    - `latent`: size `2n` of the latent state.
    - `width`, `blocks`, `activation`: of the autoencoder's residual nets, see `Autoencoder`
      (the published one: 200 wide, 2 blocks).
    - `dynamics`: the model of the latent state; by default `HNN(latent, width, key=...)`. With a
      `NeuralODE` here it is the baseline.
    - `key`: draws the weights.

    Preserves, for every weight: in the latent space what `dynamics` does, for the HNN the
    learned energy and the symplectic form. Nothing is promised of the pictures: a code decodes
    into whatever training made of it. Cost: one encoder, then one decoder per forecast time.
    Raises `ValueError` for an empty shape and an odd `latent`.

    Source: S. Greydanus, M. Dzamba, J. Yosinski, Hamiltonian Neural Networks, NeurIPS 2019,
    section 5.
    """

    autoencoder: Autoencoder
    dynamics: AbstractModel
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(
        self,
        shape: tuple[int, ...] = (2, 28, 28),
        latent: int = 2,
        width: int = 200,
        blocks: int = 2,
        *,
        activation: str = "relu",
        dynamics: AbstractModel | None = None,
        key: PRNGKeyArray,
    ):
        for size in shape:
            check_size("every entry of shape", size)
        check_phase_dim("latent", latent)
        coder_key, field_key = jr.split(key)
        self.shape = tuple(shape)
        self.autoencoder = Autoencoder(
            math.prod(shape), latent, width, blocks, activation=activation, key=coder_key
        )
        self.dynamics = HNN(latent, width, key=field_key) if dynamics is None else dynamics

    def encode(self, observations: Float[Array, "..."]) -> Float[Array, " latent *batch"]:
        """The latent state of an observation `(*shape, *batch)`; `ValueError` for another shape."""
        axes = len(self.shape)
        if observations.shape[:axes] != self.shape:
            raise ValueError(f"an observation has shape {self.shape}, got {observations.shape}")
        batch = observations.shape[axes:]
        columns = (-1,) if batch else ()
        code = self.autoencoder.encode(observations.reshape(math.prod(self.shape), *columns))
        return code.reshape(-1, *batch)

    def decode(self, s: Float[Array, " latent *batch"]) -> Float[Array, "..."]:
        """The observation `(*shape, *batch)` of a latent state `(latent, *batch)`."""
        columns = (-1,) if s.ndim > 1 else ()
        found = self.autoencoder.decode(s.reshape(s.shape[0], *columns))
        return found.reshape(*self.shape, *s.shape[1:])
