"""SympFlow: a flow that is symplectic for all weights, and the exact flow of an energy it knows."""

from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import (
    ENERGY,
    POISSON,
    REVERSIBLE,
    SYMPLECTIC,
    VOLUME,
    assemble,
    check_phase_dim,
    check_positive,
    check_size,
    join_phase,
    split_phase,
    symplectic_gradient,
)
from dynnets.energies import TimePotential
from dynnets.fields import AbstractField
from dynnets.integrators import AbstractStep, StepInfo, check_parts
from dynnets.networks import join_layers

from ._flow import AbstractFlow, iterate

# Where every column has a time of its own (training), so many layers are unrolled: the loop costs
# 1.3 to 1.8 times as much there. A composed orbit, one time for all, keeps the short program.
_FEW_LAYERS = 8


class SympFlow(AbstractFlow):
    """`N(t, x0)`: symplectic in `x0` for every `t` and all weights, the identity at `t = 0`.

    Layer `l` holds two potentials `V_l(t, q)` and `K_l(t, p)`, nets of time and half the state:

        p <- p - (grad V_l(t, q) - grad V_l(0, q)),
        q <- q + (grad K_l(t, p) - grad K_l(0, p)),  in this order.

    Each half is the exact flow of `dV_l/dt (t, q)` or `dK_l/dt (t, p)`, so the whole is the exact
    flow of a time-dependent energy, which `hamiltonian` computes. Beyond `dt`, `extend` composes
    the map with itself.

    **Arguments:**

    - `dim`: of the phase space, even; `width`, `depth`: hidden layers of each potential.
    - `layers`: how many pairs of potentials; `dt`: the time that one application serves.
    - `activation`, `key`: as `MLP`.

    Preserves: the symplectic form and volume, by construction; the energy that it was trained
    for only as well as it was trained, but without drift as long as the orbit of the composed
    map is regular. Cost: `2 layers` gradients of a net, each at `t` and at 0.
    Raises `ValueError` for an odd `dim`, sizes below one, and `dt` that is not positive.

    `offset` is the free constant of `hamiltonian`: an energy counts up to a constant.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.models import SympFlow
    >>> flow = SympFlow(2, 10, 3, key=jr.key(0))
    >>> x0 = jnp.array([1.0, 0.0])
    >>> bool((flow(0.0, x0) == x0).all()), flow.predict(x0, jnp.linspace(0.0, 100.0, 11)).shape
    (True, (11, 2))

    ```

    Source: Canizares, Murari, Schoenlieb, Sherry and Shumaylov, Symplectic Neural Flows for
    Modeling and Discovery, arXiv:2412.16787; Hamiltonian Matching, arXiv:2410.18262.
    """

    potentials: TimePotential  # every array with the leading axes (layers, 2): V_l, then K_l
    offset: Float[Array, ""]
    dt: float = eqx.field(static=True)
    layers: int = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        width: int,
        layers: int,
        *,
        depth: int = 2,
        dt: float | int = 1.0,
        activation: str = "tanh",
        key: PRNGKeyArray,
    ):
        check_phase_dim("dim", dim)
        check_size("layers", layers)
        check_positive("dt", dt)

        def make(key):
            return TimePotential(dim // 2, width, depth, activation=activation, key=key)

        keys = jr.split(key, (layers, 2))
        self.potentials = eqx.filter_vmap(eqx.filter_vmap(make))(keys)
        self.offset = jnp.zeros(())
        self.dt, self.layers = float(dt), layers

    @classmethod
    def from_potentials(
        cls, pairs: Sequence[tuple[TimePotential, TimePotential]], *, dt: float | int = 1.0
    ) -> "SympFlow":
        """The flow of given potentials: one pair `(V_l, K_l)` a layer, all of one size.

        Raises `ValueError` for no pair and for pairs of different sizes.
        """
        check_positive("dt", dt)
        if not pairs:
            raise ValueError("a SympFlow needs at least one pair of potentials, got none")
        layers = [join_layers(pair) for pair in pairs]
        potentials = join_layers(layers)
        offset = jnp.zeros((), jax.tree.leaves(eqx.filter(potentials, eqx.is_array))[0].dtype)
        return assemble(cls, potentials=potentials, offset=offset, dt=float(dt), layers=len(layers))

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, REVERSIBLE}`, for all weights."""
        return frozenset({SYMPLECTIC, VOLUME, REVERSIBLE})

    @property
    def field(self) -> "SympFlowField":
        """`J grad H(N)(t, x)`, of which `extend` is the exact flow; it depends on time."""
        return SympFlowField(self)

    @property
    def step(self) -> "ExactFlow":
        """The step that carries `field` by its exact flow: for `rollout` and certificates."""
        return ExactFlow()

    def _scan(self, layer, t, carry, reverse=False):
        def body(carry, pair):
            first = jax.tree.map(lambda a: a[0], pair)
            second = jax.tree.map(lambda a: a[1], pair)
            return layer(carry, first, second), None

        unroll = self.layers if jnp.ndim(t) and self.layers <= _FEW_LAYERS else 1
        return jax.lax.scan(body, carry, self.potentials, reverse=reverse, unroll=unroll)[0]

    def __call__(self, t, x0):
        """`N(t, x0)`: `x0 (d,)` or `(d, N)`, `t` a scalar or `(N,)`; any sign."""

        def layer(carry, potential, kinetic):
            q, p = carry
            p = p - potential.impulse(t, q)[0]
            return q + kinetic.impulse(t, p)[0], p

        return join_phase(*self._scan(layer, t, split_phase(x0)))

    def along(self, t, x0) -> tuple[Array, Array]:
        """`N(t, x0)` and `hamiltonian(t, N(t, x0))`, which costs nothing more on the way there."""

        def layer(carry, potential, kinetic):
            q, p, energy = carry
            kick, rate = potential.impulse(t, q)
            p = p - kick
            drift, other = kinetic.impulse(t, p)
            return q + drift, p, energy + rate + other

        energy = jnp.broadcast_to(self.offset, x0.shape[1:])
        q, p, energy = self._scan(layer, t, (*split_phase(x0), energy))
        return join_phase(q, p), energy

    def velocity_along(self, t, x0):
        """`along`, and its derivative in `t`, by one forward derivative."""
        t = jnp.broadcast_to(jnp.asarray(t, x0.dtype), x0.shape[1:])
        return jax.jvp(lambda t: self.along(t, x0), (t,), (jnp.ones_like(t),))

    def pull_back(self, t, x) -> tuple[Array, Array]:
        """The `x0` with `N(t, x0) = x`, and `hamiltonian(t, x)`, which it passes by.

        From the last block to the first: add `dK/dt` or `dV/dt` at the current point, then undo
        the block.
        """

        def layer(carry, potential, kinetic):
            q, p, energy = carry
            drift, rate = kinetic.impulse(t, p)
            q = q - drift
            kick, other = potential.impulse(t, q)
            return q, p + kick, energy + rate + other

        energy = jnp.broadcast_to(self.offset, x.shape[1:])
        q, p, energy = self._scan(layer, t, (*split_phase(x), energy), reverse=True)
        return join_phase(q, p), energy

    def inverse(self, t, x):
        """The `x0` with `N(t, x0) = x`: explicit, at the cost of `N`."""
        return self.pull_back(t, x)[0]

    def hamiltonian(self, t, x):
        """`H(N)(t, x)`, a scalar or `(N,)`: `dN/dt = J grad H(N)(t, N)` exactly.

        The flow of `H2` after that of `H1` is the flow of `H2 + H1 o (flow of H2)^-1`.
        """
        return self.pull_back(t, x)[1]

    def propagate(self, t, x, h):
        """The state at `t + h` from `x` at `t`, along `extend` of this flow; `h` of any sign.

        The exact flow of `field`: `propagate(t + h, propagate(t, x, h), -h)` is `x`.
        """
        t, h = jnp.asarray(t, x.dtype), jnp.asarray(h, x.dtype)
        first, last = jnp.floor(t / self.dt), jnp.floor((t + h) / self.dt)
        x = self.inverse(t - first * self.dt, x)
        x = iterate(lambda x: self(self.dt, x), x, last - first)
        x = iterate(lambda x: self.inverse(self.dt, x), x, first - last)
        return self(t + h - last * self.dt, x)


class ExactFlow(AbstractStep):
    """`x' = field.propagate(t, x, h)`: for fields that know their own flow; no error in `h`."""

    @property
    def info(self):
        """`StepInfo`: needs `propagate`, keeps what the exact flow keeps."""
        return StepInfo(
            name="exact flow",
            order=1,  # formal: whatever the order, there is no error to speak of
            needs=frozenset({"propagate"}),
            keeps=frozenset({SYMPLECTIC, POISSON, VOLUME, ENERGY}),
            symmetric=False,
            invertible=True,
            evaluations=1,
            condition="every h of either sign",
            source="the flow property",
        )

    def start(self, field, t, x, h, args=None):
        """`None`: no memory."""
        check_parts(self, field)
        return None

    def advance(self, field, t, x, h, args, memory):
        """The exact flow from `t` to `t + h`."""
        return field.propagate(t, x, h, args), None

    def inverse(self, field, t, x, h, args=None):
        """`x(t)` from `x(t + h)`."""
        return field.propagate(t + h, x, -h, args)


class SympFlowField(AbstractField):
    """`x' = J grad H(N)(t - k dt, x)`, `k = floor(t / dt)`: the field whose flow a `SympFlow` is.

    Preserves: the symplectic form and volume. Its energy depends on time, so it is not kept.
    Offers `propagate`, its exact flow. Cost of a call: one gradient of `hamiltonian`.

    ```python
    >>> import jax.random as jr
    >>> from dynnets.models import AbstractFlow, ExactFlow, SympFlow, SympFlowField
    >>> flow = SympFlow(2, 4, 2, key=jr.key(0))
    >>> isinstance(flow, AbstractFlow), isinstance(flow.field, SympFlowField)
    (True, True)
    >>> isinstance(flow.step, ExactFlow)
    True

    ```
    """

    flow: SympFlow
    features_first: ClassVar[bool] = True

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME}`."""
        return frozenset({SYMPLECTIC, VOLUME})

    def propagate(self, t, x, h, args=None):
        """The state at `t + h` from `x` at `t`."""
        return self.flow.propagate(t, x, h)

    def __call__(self, t, x, args=None):
        """`J grad H(N)(t - k dt, x)`."""
        t = jnp.asarray(t, x.dtype)
        since = t - jnp.floor(t / self.flow.dt) * self.flow.dt
        gradient = jax.grad(lambda x: jnp.sum(self.flow.hamiltonian(since, x)))(x)
        return symplectic_gradient(gradient)
