"""SympNets: maps `net(h, x)` made of layers that are symplectic for all weights."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynnets._core import (
    REVERSIBLE,
    SYMPLECTIC,
    VOLUME,
    check_phase_dim,
    constant_field,
    join_phase,
    split_phase,
)

from ._abstract import AbstractNetwork
from ._stack import layer_of, scan_layers
from ._symplectic_layers import AbstractSymplecticLayer

# Written out, a few layers fuse into few kernels: for a state of two numbers that is most of the
# time. Deeper nets are a scan over pairs of layers, whose program does not grow.
_FEW_LAYERS = 10


class SympNet(eqx.Module):
    """`net(h, x)`: the state after a step `h`, symplectic in `x` for every `h` and all weights.

    The identity at `h = 0`, and a consistent step of some energy to first order in `h`; but
    `net(h, net(h, x))` is not `net(2 h, x)`. Dense among symplectic maps of one fixed `h` (G, LA,
    H); over a range of `h` that is proved for separable energies only.

    **Arguments:**

    - `dim`: of the phase space, even.
    - `layers`: one `AbstractSymplecticLayer` whose arrays have the leading axis `depth`; at even
      places (from 0) they move `p` ("up"), at odd ones `q` ("low"). `last`: one more, or `None`.
    - `momenta_first`: states are `(p, q)`, as in the publication, in place of `(q, p)`.

    Use `sympnet_la`, `sympnet_g`, `sympnet_h`, `sympnet_p`, `sympnet_r`, `sympnet_gr` and
    `sympnet_t`, which make the layers. `NetworkFlow` in `dynnets.models` forecasts with a net.

    Preserves: the symplectic form and volume, by construction; log-determinant 0. No energy.
    Cost: that of the layers; `inverse` costs the same. Raises `ValueError` for an odd dimension.

    Source: Jin, Zhang, Zhu, Tang and Karniadakis, SympNets, Neural Networks 132, 2020,
    arXiv:2001.03750; steps as input: arXiv:2509.16026.
    """

    layers: AbstractSymplecticLayer
    last: AbstractSymplecticLayer | None
    dim: int = eqx.field(static=True)
    momenta_first: bool = eqx.field(static=True)

    def __init__(
        self,
        dim: int,
        layers: AbstractSymplecticLayer,
        last: AbstractSymplecticLayer | None = None,
        *,
        momenta_first: bool = False,
    ):
        check_phase_dim("dim", dim)
        self.dim, self.layers, self.last = dim, layers, last
        self.momenta_first = momenta_first

    @property
    def depth(self) -> int:
        """Number of layers, the last one not counted."""
        return jax.tree.leaves(eqx.filter(self.layers, eqx.is_array))[0].shape[0]

    @property
    def parameters(self) -> int:
        """The size of `c`, parameters or conserved coordinates that the layers read."""
        return self.layers.parameters

    @property
    def structure(self):
        """`{SYMPLECTIC, VOLUME, REVERSIBLE}` for every `h` and `c`."""
        return frozenset({SYMPLECTIC, VOLUME, REVERSIBLE})

    def at(self, h, c=None) -> "FixedStepNetwork":
        """The map `x -> net(h, x, c)` of one fixed step, a network that can be certified."""
        return FixedStepNetwork(self, jnp.asarray(h), c)

    def __call__(self, h, x: Float[Array, " dim *batch"], c=None) -> Array:
        """The state after `h`: `x (d,)` or `(d, N)`; `h` a scalar or one a column `(N,)`.

        `c`: `(m,)`, or `(m, N)` beside a batch, where the layers read parameters; else `None`.
        """
        h, halves, c = self._prepared(h, x, c)
        halves = self._through(_forward(h, c), halves)
        if self.last is not None:
            halves = _forward(h, c)(self.last, halves, False)
        return self._joined(halves)

    def inverse(self, h, x: Float[Array, " dim *batch"], c=None) -> Array:
        """The state before the step `h` that ended at `x`: in closed form, the layers reversed."""
        h, halves, c = self._prepared(h, x, c)
        if self.last is not None:
            halves = _backward(h, c)(self.last, halves, False)
        return self._joined(self._through(_backward(h, c), halves, reverse=True))

    def _prepared(self, h, x, c):
        if x.shape[0] != self.dim:
            raise ValueError(f"expected a state of {self.dim} components, got shape {x.shape}")
        h = jnp.asarray(h, x.dtype)
        if h.ndim > 1 or (h.ndim == 1 and h.shape != x.shape[1:]):
            raise ValueError(f"h is a number or one a column of x {x.shape}, got shape {h.shape}")
        given = 0 if c is None else jnp.shape(c)[0]
        if given != self.parameters:
            raise ValueError(f"the net reads {self.parameters} parameters c, got {given}")
        if c is not None:
            c = jnp.asarray(c, x.dtype)
            c = c[:, None] if c.ndim < x.ndim else c
        first, second = split_phase(x)
        halves = (second, first) if self.momenta_first else (first, second)
        return (h[None] if h.ndim else h), halves, c

    def _joined(self, halves):
        q, p = halves
        return join_phase(p, q) if self.momenta_first else join_phase(q, p)

    def _through(self, act: Callable, halves, reverse: bool = False):
        depth = self.depth
        if depth <= _FEW_LAYERS:
            for i in range(depth)[:: -1 if reverse else 1]:
                halves = act(layer_of(self.layers, i), halves, bool(i % 2))
            return halves
        even = depth - depth % 2
        pairs = jax.tree.map(
            lambda a: a[:even].reshape(-1, 2, *a.shape[1:]) if eqx.is_array(a) else a, self.layers
        )

        def both(pair, halves):
            for low in (True, False) if reverse else (False, True):
                halves = act(layer_of(pair, int(low)), halves, low)
            return halves

        if depth % 2 and reverse:
            halves = act(layer_of(self.layers, depth - 1), halves, False)
        halves = scan_layers(both, pairs, halves, reverse=reverse)
        if depth % 2 and not reverse:
            halves = act(layer_of(self.layers, depth - 1), halves, False)
        return halves


def _forward(h, c):
    return lambda layer, halves, low: layer.forward(h, *halves, c, low)


def _backward(h, c):
    return lambda layer, halves, low: layer.inverse(h, *halves, c, low)


class FixedStepNetwork(AbstractNetwork):
    """`x -> net(h, x, c)` for one step `h` and one `c`: what certificates and compositions take.

    **Arguments:** `net`: a `SympNet`; `h`: the step; `parameters`: `c` or `None`; neither is
    trained. Preserves: what `net` does.
    """

    net: SympNet
    h: Float[Array, ""] = constant_field()
    parameters: Float[Array, " m"] | None = constant_field(default=None)

    @property
    def structure(self):
        """That of the net."""
        return self.net.structure

    def __call__(self, x):
        """`net(h, x, c)`."""
        return self.net(self.h, x, self.parameters)

    def inverse(self, y):
        """`x` with `net(h, x, c) = y`."""
        return self.net.inverse(self.h, y, self.parameters)
