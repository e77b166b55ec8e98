"""Films of conservative systems: a latent phase-space point, moved by a learned Hamiltonian."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_positive, check_size, split_phase
from dynnets.energies import AbstractEnergy, KineticEnergy, KnownEnergy, MLPEnergy, SumEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import verlet_kdk
from dynnets.nn import MLP, AbstractCodec

from .._abstract import AbstractModel
from .._field_model import FieldModel
from .._step_model import AbstractStepModel
from ._abstract import AbstractLatentModel

KINETICS = ("fixed", "learned", "masses")
"""Kinetic energies of an `HGN`: `|p|^2 / 2`, a net, or `sum p_i^2 / (2 m_i)`, masses learned."""


def _learned(confined: bool, dim: int, width: int, depth: int, key) -> AbstractEnergy:
    net = MLPEnergy(dim, width, depth, activation="softplus", key=key)
    return SumEnergy((net, KineticEnergy(jnp.ones(dim)))) if confined else net


def _kinetic(kind: str, dim: int, *net) -> AbstractEnergy:
    check_choice("kinetic", kind, KINETICS)
    if kind == "fixed":
        return KnownEnergy(KineticEnergy(jnp.ones(dim)))
    if kind == "masses":
        return KineticEnergy(jnp.ones(dim))
    return _learned(*net)


class HGN(AbstractLatentModel):
    """A Hamiltonian generative network: `z -> s_0 = f(z)`, `s_(t+1) = step(s_t)`, `x_t = d(q_t)`.

    A posterior `N(mean, diag deviation^2)` of the code `z` is read off the first pictures of a
    film, `f(z) = z + net(z)` makes the state `s_0 = (q_0, p_0)` at the first picture of it, a step
    of the learned `H = T(p) + V(q)` leads from picture to picture, and pictures are decoded from
    the coordinates alone. Codes are standard normal a priori, so the model draws films, too. All
    pictures of a film are decoded at once, outside of the scan over its states.

    **Arguments:**

    - `codec`: encoder and decoder, such as `MLPCodec(shape, coordinates=n, key=...)`.
    - `width`, `depth`: of the nets `T` and `V` (softplus); `kinetic`: `"fixed"`,
      `"learned"` or `"masses"`.
    - `confined`: add `sum_i q_i^2 / (2 m_i)`, `m` learned and positive, to the net `V` and the like
      to a net `T`. A net grows linearly at most, so levels of `H` are compact and the latent
      motion is bounded, if not by what the films showed; without, it may leave for infinity.
    - `transform`: width of the net in `f`; 0 for `f(z) = z`.
    - `interval`: time between two pictures, positive, in the units of `predict`.
    - `dynamics`: what moves the latent state instead, a model with `field` and `step`: with a
      `NeuralODE` or `FieldModel(GatedField(2n, width, rate=1 / interval), explicit_euler)` it is
      a baseline of equal codec.
    - `key`: draws the weights.

    Preserves, for every weight, in the latent space: with the default dynamics the symplectic form
    and volume, exactly, and the learned energy to second order in `interval` without drift; the
    way back (`speed=-1`) undoes it to round-off. Nothing is promised of the pictures, and `H` is
    determined by films up to symplectic maps of the latent space and a factor.

    Films are `(pictures, channels, rows, columns)`, features-first with a last axis of films
    where the methods say `*batch`. `predict` forecasts from the first pictures
    `(frames, channels, rows, columns)` of a film, for the mean of the posterior, by one step (or
    the dynamics' `substeps`) between two times: `ts` has steps of `interval` where the film that
    it was trained on had. Cost: one encoder a film, one step and one decoder a picture.
    Raises `ValueError` for an unknown kinetic energy, sizes below one and an interval that is not
    positive.

    Sources: Toth, Rezende, Jaegle, Racaniere, Botev, Higgins, Hamiltonian Generative Networks,
    ICLR 2020, arXiv:1909.13789. Its public re-implementation drifts by `p` where the learned
    kinetic energy asks for `dT/dp`, and is not symplectic; here the step is that of the field.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import HGN
    >>> from dynnets.nn import MLPCodec
    >>> codec_key, key = jr.split(jr.key(0))
    >>> model = HGN(MLPCodec((1, 16, 16), coordinates=2, key=codec_key), key=key)
    >>> model.sample(8, key=key).shape, sorted(model.structure, key=str)
    ((8, 1, 16, 16), [REVERSIBLE, SYMMETRIC, SYMPLECTIC, VOLUME])

    ```
    """

    codec: AbstractCodec
    transform: MLP | None
    dynamics: AbstractModel
    interval: float = eqx.field(static=True)

    def __init__(
        self,
        codec: AbstractCodec,
        width: int = 64,
        depth: int = 2,
        *,
        kinetic: str = "learned",
        confined: bool = True,
        transform: int = 64,
        interval: float = 0.125,
        dynamics: AbstractStepModel | None = None,
        key: PRNGKeyArray,
    ):
        check_positive("interval", interval)
        check_size("transform", transform, 0)
        dim = codec.coordinates
        first, second, third = jr.split(key, 3)
        self.codec, self.interval = codec, float(interval)
        self.transform = MLP(2 * dim, 2 * dim, transform, 1, key=first) if transform else None
        if dynamics is None:
            net = confined, dim, width, depth
            energies = _kinetic(kinetic, dim, *net, second), _learned(*net, third)
            dynamics = FieldModel(SeparableHamiltonianField(*energies), verlet_kdk)
        self.dynamics = dynamics

    @property
    def frames(self) -> int:
        """How many pictures the encoder looks at."""
        return self.codec.frames

    def posterior(self, pictures: Float[Array, "frames channels rows columns *batch"]):
        """Mean and log-deviation of the code, each `(2n, *batch)`.

        **Arguments:** `pictures`: at least as many as the encoder sees, of which it takes the
        first. Raises `ValueError` for fewer, and for pictures of another shape.
        """
        seen = self.codec.frames
        if pictures.ndim < 4 or pictures.shape[0] < seen or pictures.shape[1:4] != self.codec.shape:
            raise ValueError(
                f"the encoder takes {seen} pictures of shape {self.codec.shape}, got an array "
                f"of shape {pictures.shape}"
            )
        mean, log_deviation = split_phase(self.codec.encode(pictures[:seen]))
        return mean, log_deviation

    def initial_state(self, z: Float[Array, " two_n *batch"]) -> Float[Array, " two_n *batch"]:
        """`f(z)`: the state at the first picture, `(2n, *batch)`, of a code."""
        return z if self.transform is None else z + self.transform(z)

    def encode(self, pictures: Float[Array, "frames channels rows columns *batch"]) -> Array:
        """The state at the first picture for the mean of the posterior, `(2n, *batch)`."""
        return self.initial_state(self.posterior(pictures)[0])

    def decode(self, s: Float[Array, " two_n *batch"]) -> Array:
        """The picture of a state: `(channels, rows, columns, *batch)`, from `q` alone."""
        return self.codec.decode(split_phase(s)[0])

    def film(
        self, s0: Float[Array, " two_n *batch"], pictures: int, *, speed: float | int = 1.0
    ) -> Float[Array, "pictures channels rows columns *batch"]:
        """The decoded `states`."""
        states = self.states(s0, pictures, speed=speed)
        return jnp.moveaxis(self.decode(jnp.moveaxis(states, 0, 1)), 3, 0)

    def sample(self, pictures: int, *, key: PRNGKeyArray, speed: float | int = 1.0) -> Array:
        """A film of its own: `z` from the standard normal, then as `film`."""
        z = jr.normal(key, (2 * self.codec.coordinates,), self._dtype)
        return self.film(self.initial_state(z), pictures, speed=speed)

    @property
    def _dtype(self):
        return jnp.result_type(*jax.tree.leaves(eqx.filter(self.codec, eqx.is_inexact_array)))
