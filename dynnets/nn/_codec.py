"""From the first pictures of a film to a code, and from coordinates to a picture.

Arrays are features-first: an axis of films, if there is one, is the last.
"""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, PRNGKeyArray

from dynnets._core import check_size

from ._mlp import MLP

Shape = tuple[int, int, int]


def _flat(function, x, leading: int):
    """`function` of `x`, its first `leading` axes as one and all others as one more."""
    batch = x.shape[leading:]
    out = function(x.reshape(math.prod(x.shape[:leading]), -1))
    return out.reshape(out.shape[:-1] + batch)


def _check_sizes(shape, coordinates, frames) -> None:
    if len(shape) != 3:
        raise ValueError(f"a picture has the shape (channels, rows, columns), got {shape}")
    for name, size in zip(("channels", "rows", "columns"), shape, strict=True):
        check_size(name, size)
    check_size("coordinates", coordinates)
    check_size("frames", frames)


class AbstractCodec(eqx.Module):
    """An encoder of `frames` pictures and a decoder of `coordinates` numbers.

    `shape`: of a picture, `(channels, rows, columns)`; `frames`: how many the encoder sees;
    `coordinates`: what the decoder is given; the encoder returns four times as many numbers, mean
    and logarithm of the deviation of a code of twice as many.
    """

    shape: eqx.AbstractVar[Shape]
    frames: eqx.AbstractVar[int]
    coordinates: eqx.AbstractVar[int]

    @abc.abstractmethod
    def encode(self, pictures: Float[Array, "frames channels rows columns *batch"]) -> Array:
        """Mean and log-deviation of the code, `(4 coordinates, *batch)`."""

    @abc.abstractmethod
    def decode(self, q: Float[Array, " coordinates *batch"]) -> Array:
        """The picture at the coordinates `q`: `(channels, rows, columns, *batch)`."""


class MLPCodec(AbstractCodec):
    """Two perceptrons on flattened pictures.

    **Arguments:** `shape`: `(channels, rows, columns)`; `coordinates`, `frames`: see
    `AbstractCodec`; `width`, `depth`, `activation`: of both nets (`depth=0`: two affine maps);
    `key`: draws the weights. Raises `ValueError` for sizes below one. Cost: two nets.
    """

    shape: Shape = eqx.field(static=True)
    frames: int = eqx.field(static=True)
    coordinates: int = eqx.field(static=True)
    encoder: MLP
    decoder: MLP

    def __init__(
        self,
        shape: Shape,
        coordinates: int = 2,
        frames: int = 5,
        width: int = 128,
        depth: int = 2,
        *,
        activation: str = "swish",
        key: PRNGKeyArray,
    ):
        _check_sizes(shape, coordinates, frames)
        self.shape, self.frames, self.coordinates = tuple(shape), frames, coordinates
        inner, outer = jr.split(key)
        size = math.prod(shape)
        self.encoder = MLP(
            frames * size, 4 * coordinates, width, depth, activation=activation, key=inner
        )
        self.decoder = MLP(coordinates, size, width, depth, activation=activation, key=outer)

    def encode(self, pictures):
        """See `AbstractCodec`: one net."""
        return _flat(self.encoder, pictures, 4)

    def decode(self, q):
        """See `AbstractCodec`: one net."""
        return _flat(lambda q: self.decoder(q).reshape(*self.shape, -1), q, 1)


def convolve(
    weight: Float[Array, "out k k in"], bias: Float[Array, " out"], x: Float[Array, "in r c *batch"]
) -> Float[Array, "out r c *batch"]:
    """Convolution of features-first pictures, zeros around them, as one matrix product.

    The `k^2` shifted copies are stacked and multiplied at once: on CPU a convolution inside a
    loop, as a training step is, runs without XLA's threaded kernel and is 25 times slower.
    """
    k = weight.shape[1]
    around = ((0, 0), *(((k - 1) // 2, k // 2),) * 2, *((0, 0),) * (x.ndim - 3))
    padded = jnp.pad(x, around)
    rows, columns = x.shape[1:3]
    patches = [padded[:, i : i + rows, j : j + columns] for i in range(k) for j in range(k)]
    stacked = jnp.concatenate(patches).reshape(k * k * x.shape[0], -1)
    y = weight.reshape(weight.shape[0], -1) @ stacked + bias[:, None]
    return y.reshape(-1, *x.shape[1:])


def space_to_depth(x: Float[Array, "in r c *batch"], block: int) -> Array:
    """Squares of `block^2` pixels as channels: `(in block^2, r / block, c / block, *batch)`."""
    channels, rows, columns, *batch = x.shape
    x = x.reshape(channels, rows // block, block, columns // block, block, *batch)
    x = x.transpose(0, 2, 4, 1, 3, *range(5, x.ndim))
    return x.reshape(-1, rows // block, columns // block, *batch)


def depth_to_space(x: Float[Array, "in r c *batch"], block: int) -> Array:
    """The inverse of `space_to_depth` (the sub-pixel shuffle of Shi et al., CVPR 2016).

    ```python
    >>> import jax.numpy as jnp
    >>> from dynnets.nn import convolve, depth_to_space, space_to_depth
    >>> picture = jnp.arange(16.0).reshape(1, 4, 4)
    >>> weight, bias = jnp.ones((3, 3, 3, 1)), jnp.zeros(3)
    >>> space_to_depth(picture, 2).shape, convolve(weight, bias, picture).shape
    ((4, 2, 2), (3, 4, 4))
    >>> bool((depth_to_space(space_to_depth(picture, 2), 2) == picture).all())
    True

    ```
    """
    channels, rows, columns, *batch = x.shape
    x = x.reshape(channels // block**2, block, block, rows, columns, *batch)
    x = x.transpose(0, 3, 1, 4, 2, *range(5, x.ndim))
    return x.reshape(-1, rows * block, columns * block, *batch)


class _Convolution(eqx.Module):
    """`convolve` with its weights, orthogonal as those of `MLP`."""

    weight: Float[Array, "out k k in"]
    bias: Float[Array, " out"]

    def __init__(self, inputs: int, outputs: int, key: PRNGKeyArray, k: int = 3):
        orthogonal = jax.nn.initializers.orthogonal()
        self.weight = orthogonal(key, (outputs, k * k * inputs)).reshape(outputs, k, k, inputs)
        self.bias = jnp.zeros(outputs)

    def __call__(self, x):
        return convolve(self.weight, self.bias, x)


_FINE, _COARSE = 4, 2  # blocks: pixels to the finer grid, the finer grid to the coarser


class ConvolutionalCodec(AbstractCodec):
    """Convolutions on two grids, of a quarter and an eighth of the picture's side.

    Encoder: squares of 4 x 4 pixels become channels, a 3 x 3 convolution, squares of 2 x 2
    become channels, a convolution, an affine map. Decoder: a perceptron, then the same backwards
    with sub-pixel shuffles. Between layers `swish`. Convolutions at full size would cost more
    than all of this together, and films have hundreds of pictures a batch.

    **Arguments:** `shape`: `(channels, rows, columns)`, sides divisible by 8; `coordinates`,
    `frames`: see `AbstractCodec`; `width`: channels on the grids; `key`: draws the weights.
    Raises `ValueError` for other sizes.
    """

    shape: Shape = eqx.field(static=True)
    frames: int = eqx.field(static=True)
    coordinates: int = eqx.field(static=True)
    encoder: tuple[_Convolution, _Convolution]
    head: MLP
    root: MLP
    decoder: tuple[_Convolution, _Convolution, _Convolution]

    def __init__(
        self,
        shape: Shape,
        coordinates: int = 2,
        frames: int = 5,
        width: int = 16,
        *,
        key: PRNGKeyArray,
    ):
        check_size("width", width)
        _check_sizes(shape, coordinates, frames)
        self.shape, self.frames, self.coordinates = tuple(shape), frames, coordinates
        channels, rows, columns = shape
        if rows % (_FINE * _COARSE) or columns % (_FINE * _COARSE):
            raise ValueError(f"the sides of a picture must be divisible by 8, got {shape}")
        keys = jr.split(key, 7)
        pixels, cells = channels * _FINE**2, rows * columns // (_FINE * _COARSE) ** 2
        fold = _COARSE**2 * width
        self.encoder = (
            _Convolution(frames * pixels, width, keys[0]),
            _Convolution(fold, fold, keys[1]),
        )
        self.head = MLP(fold * cells, 4 * coordinates, 1, 0, key=keys[2])
        self.root = MLP(coordinates, fold * cells, 8 * width, 1, activation="swish", key=keys[3])
        self.decoder = (
            _Convolution(fold, fold, keys[4]),
            _Convolution(width, width, keys[5]),
            _Convolution(width, pixels, keys[6]),
        )

    def encode(self, pictures):
        """See `AbstractCodec`: two convolutions and an affine map."""
        batch = pictures.shape[4:]
        x = space_to_depth(pictures.reshape(-1, *self.shape[1:], *batch), _FINE)
        x = space_to_depth(jax.nn.swish(self.encoder[0](x)), _COARSE)
        return _flat(self.head, jax.nn.swish(self.encoder[1](x)), 3)

    def decode(self, q):
        """See `AbstractCodec`: a perceptron and three convolutions."""
        rows, columns = (side // (_FINE * _COARSE) for side in self.shape[1:])
        x = _flat(lambda q: self.root(q).reshape(-1, rows, columns, q.shape[-1]), q, 1)
        x = jax.nn.swish(self.decoder[0](jax.nn.swish(x)))
        x = jax.nn.swish(self.decoder[1](depth_to_space(x, _COARSE)))
        return depth_to_space(self.decoder[2](x), _FINE)
