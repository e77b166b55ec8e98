"""Densities by Hamiltonian flows: volume is kept, so the density is that of the way back."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import VOLUME, Tag, check_size, join_phase, split_phase
from dynnets.energies import MLPEnergy
from dynnets.fields import SeparableHamiltonianField
from dynnets.integrators import verlet_kdk
from dynnets.networks import FlowNetwork, flow_network
from dynnets.nn import MLP

from ._abstract import AbstractDensity
from ._gaussian import gaussian_log_density


class HamiltonianFlow(AbstractDensity):
    """A neural Hamiltonian flow: `(q, p) = Phi(q_0, p_0)`, `Phi` a chain of Verlet steps.

    Every step follows a learned `H_k = T_k(p) + V_k(q)` of its own and keeps volume exactly, so
    `log pi(Phi^-1(q, p))` is the exact density of the joint state, with no determinant to compute.
    Data are the coordinates `q`; the momenta are drawn by an encoder `f(p | q)`, normal with a mean
    and a deviation from a net, and

        log p(q) >= log 1/K sum_k pi(Phi^-1(q, p_k)) / f(p_k | q),   p_k ~ f(. | q).

    The base `pi` is normal around zero with a learned deviation for each component: as no step
    changes volume, the largest density of the joint state is that of the base.

    **Arguments:**

    - `dim`: size of `q`.
    - `depth`: steps in the chain; `h`: their size; `width`, `layers`: of the nets `T_k`, `V_k`
      (softplus).
    - `encoder_width`: of the encoder's one hidden layer.
    - `network`: the chain itself, a `FlowNetwork` of dimension `2 dim` that keeps volume, and
      `encoder`: a net `(dim,) -> (2 dim,)` to mean and log-deviation, instead of new ones.
    - `key`: draws the weights.

    Preserves, for every weight: volume and the symplectic form from base to data; the inverse is
    exact to round-off. Arrays are `(d,)` or features-first `(d, N)`. Cost: one evaluation of the
    force and one of the velocity a step. Raises `ValueError` for sizes below one and
    a network that does not keep volume.

    Source: Toth et al., Hamiltonian Generative Networks, ICLR 2020, section 3.2.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import HamiltonianFlow
    >>> flow = HamiltonianFlow(2, depth=4, width=8, key=jr.key(0))
    >>> draws = flow.sample(key=jr.key(1), shape=(100,))
    >>> draws.shape, flow.log_prob(draws).shape, sorted(flow.structure, key=str)
    ((4, 100), (100,), [REVERSIBLE, SYMPLECTIC, VOLUME])

    ```
    """

    network: FlowNetwork
    encoder: MLP
    log_deviation: Float[Array, " two_dim"]

    def __init__(
        self,
        dim: int,
        depth: int = 8,
        width: int = 32,
        layers: int = 1,
        *,
        h: float = 0.5,
        encoder_width: int = 64,
        network: FlowNetwork | None = None,
        encoder: MLP | None = None,
        key: PRNGKeyArray,
    ):
        check_size("dim", dim)
        first, second = jr.split(key)

        def make(key):
            keys = jr.split(key)
            energies = (MLPEnergy(dim, width, layers, activation="softplus", key=k) for k in keys)
            return SeparableHamiltonianField(*energies)

        if network is None:
            network = flow_network(make, depth, verlet_kdk, h, key=first)
        if encoder is None:
            encoder = MLP(dim, 2 * dim, encoder_width, 1, activation="tanh", key=second)
        self.network, self.encoder = network, encoder
        self.log_deviation = jnp.zeros(2 * dim)

    def __check_init__(self):
        if VOLUME not in self.network.structure:
            raise ValueError(
                "a density without a determinant needs a network that keeps volume, got one that "
                f"keeps {sorted(map(str, self.network.structure))}"
            )

    @property
    def dim(self) -> int:
        """Size of the joint state `(q, p)`: twice that of the data."""
        return self.log_deviation.shape[0]

    @property
    def data_dim(self) -> int:
        """Size of the coordinates `q`, which are the data."""
        return self.dim // 2

    @property
    def structure(self) -> frozenset[Tag]:
        """What the map from base to data keeps."""
        return self.network.structure

    def _base(self, x):
        scale = self.log_deviation.reshape(self.log_deviation.shape + (1,) * (x.ndim - 1))
        return gaussian_log_density(x, jnp.zeros_like(x), jnp.broadcast_to(scale, x.shape))

    def log_prob(
        self, x: Float[Array, " two_dim *batch"], condition=None
    ) -> Float[Array, " *batch"]:
        """The exact log-density of the joint state `x = (q, p)`; it takes no condition."""
        self.check_condition(condition, x.shape[1:])
        return self._base(self.network.inverse(x))

    def momenta(self, q: Float[Array, " dim *batch"]) -> tuple[Array, Array]:
        """Mean and log-deviation of `f(p | q)`, each of the shape of `q`."""
        mean, log_deviation = split_phase(self.encoder(q))
        return mean, log_deviation

    def log_bound(
        self,
        x: Float[Array, " dim *batch"],
        condition=None,
        *,
        samples: int = 1,
        key: PRNGKeyArray,
    ):
        """The lower bound of `log p(q)` above at `q = x`, with `samples` momenta for each `q`.

        Shape `(*batch,)`. Its expectation rises to `log p(q)` with `samples`; exact for any number
        where `f` is the conditional density of the momenta.
        """
        check_size("samples", samples)
        self.check_condition(condition, x.shape[1:])
        q, (mean, log_deviation) = x, self.momenta(x)
        shape = (*q.shape, samples)
        q, mean, log_deviation = (
            jnp.broadcast_to(a[..., None], shape) for a in (q, mean, log_deviation)
        )
        p = mean + jnp.exp(log_deviation) * jr.normal(key, shape, q.dtype)
        flat = join_phase(q, p).reshape(2 * q.shape[0], -1)
        joint = self.log_prob(flat).reshape(shape[1:])
        weight = joint - gaussian_log_density(p, mean, log_deviation)
        return jax.nn.logsumexp(weight, axis=-1) - math.log(samples)

    def draws(self, count: int, condition=None, *, key: PRNGKeyArray):
        """So many joint states `(q, p)`; the first half of each is a draw of the data."""
        self.check_condition(condition, (count,))
        return self.network(self.base_draws(count, key=key))

    def base_draws(self, count: int, *, key: PRNGKeyArray) -> Float[Array, "two_dim count"]:
        """So many states of the base."""
        check_size("count", count)
        scale = jnp.exp(self.log_deviation)[:, None]
        return scale * jr.normal(key, (self.dim, count), scale.dtype)

    def truncated(self, depth: int) -> "HamiltonianFlow":
        """The flow of the first `depth` steps, whose density is that on the way to the data.

        Its momentum encoder is the whole flow's and means nothing here. Raises `ValueError` for
        a depth that is not one of `1 ... network.depth`.
        """
        check_size("depth", depth)
        if depth > self.network.depth:
            raise ValueError(f"the flow has {self.network.depth} steps, got depth={depth}")
        network = jax.tree.map(lambda a: a[:depth] if eqx.is_array(a) else a, self.network)
        return eqx.tree_at(lambda flow: flow.network, self, network)
