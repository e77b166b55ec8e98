"""A residual autoencoder: from many observed numbers to few latent ones and back."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_choice, check_size

from ._mlp import MLP, mlp

# Other than behind an energy, no derivative of the net becomes a field: relu is welcome.
_ACTIVATIONS: dict[str, Callable] = {
    "relu": jax.nn.relu,
    "gelu": jax.nn.gelu,
    "swish": jax.nn.swish,
    "tanh": jax.nn.tanh,
}
RESIDUAL_ACTIVATIONS = tuple(sorted(_ACTIVATIONS))
"""Names of the activations of a `ResidualMLP`."""


def residual_mlp(layers, activation: str, x: Float[Array, "in *batch"]) -> Array:
    """`W_L h + b_L` after `h <- s(W_1 x + b_1)` and `h <- h + s(W_k h + b_k)`, `k = 2 .. L-1`.

    **Arguments:** `layers`: pairs `(weight (out, in), bias (out,) or None)`, those between the
    first and the last square; `activation`: `"gelu"`, `"relu"`, `"swish"` or
    `"tanh"`; `x`: `(in,)` or features-first `(in, N)`.
    """
    value = _ACTIVATIONS[activation]
    affine = lambda layer, h: mlp((layer,), "tanh", h)  # noqa: E731  (one layer: no activation)
    x = value(affine(layers[0], x))
    for layer in layers[1:-1]:
        x = x + value(affine(layer, x))
    return affine(layers[-1], x)


class ResidualMLP(eqx.Module):
    """A perceptron whose hidden layers after the first add to what they are given.

    **Arguments:** `in_size`, `out_size`; `width`: of the hidden layers; `blocks`: how many of
    them are residual, after one that is not; `activation`: `"gelu"`, `"relu"`,
    `"swish"` or `"tanh"`; `key`: draws the weights, orthogonal as those of `MLP`. Raises
    `ValueError` for sizes below one and an unknown activation. Cost: `blocks + 2` products.

    ```python
    >>> import jax.numpy as jnp, jax.random as jr
    >>> from dynnets.nn import ResidualMLP, residual_mlp
    >>> net, x = ResidualMLP(2, 1, 4, 1, key=jr.key(0)), jnp.ones(2)
    >>> bool((net(x) == residual_mlp(net.layers, net.activation, x)).all())
    True

    ```
    """

    layers: tuple[tuple[Array, Array | None], ...]
    activation: str = eqx.field(static=True)

    def __init__(
        self,
        in_size: int,
        out_size: int,
        width: int,
        blocks: int,
        *,
        activation: str = "relu",
        key: PRNGKeyArray,
    ):
        check_size("blocks", blocks, 0)
        check_choice("activation", activation, RESIDUAL_ACTIVATIONS)
        self.layers = MLP(in_size, out_size, width, blocks + 1, key=key).layers
        self.activation = activation

    def __call__(self, x):
        """The net at `x`: `(in,)` or features-first `(in, N)`."""
        return residual_mlp(self.layers, self.activation, x)


class Autoencoder(eqx.Module):
    """Two residual nets, `encode: (size,) -> (latent,)` and `decode`, its approximate inverse.

    **Arguments:** `size`, `latent`: of the observation and of the code; `width`, `blocks`,
    `activation`, `key`: of both nets, see `ResidualMLP`. Raises `ValueError` as that does.
    """

    encoder: ResidualMLP
    decoder: ResidualMLP

    def __init__(
        self,
        size: int,
        latent: int,
        width: int = 200,
        blocks: int = 2,
        *,
        activation: str = "relu",
        key: PRNGKeyArray,
    ):
        inner, outer = jr.split(key)
        self.encoder = ResidualMLP(size, latent, width, blocks, activation=activation, key=inner)
        self.decoder = ResidualMLP(latent, size, width, blocks, activation=activation, key=outer)

    def encode(self, x):
        """The code of `x`: `(size,)` or features-first `(size, N)`."""
        return self.encoder(x)

    def decode(self, z):
        """The observation of a code: `(latent,)` or features-first `(latent, N)`."""
        return self.decoder(z)
